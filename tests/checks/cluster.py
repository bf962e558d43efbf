"""A cluster of Dask on this machine, for as long as a test needs it."""

from contextlib import contextmanager

from dask.distributed import Client, LocalCluster


@contextmanager
def two_workers(*, processes):
    """Yield a client of two workers of one thread each: two processes, or threads of this one.

    The port of the dashboard is chosen by the system: other tests have clusters at the same time.
    """
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(processes=processes, **options) as made, Client(made) as client:
        yield client
