"""Both passes over a Dask DataFrame on the workers of a cluster, where its partitions are.

Each pass is a graph that Dask runs: a task for every partition, whose results are added up as a tree, in the order of
the partitions. What a worker had is computed again by others if it is lost, which is Dask's own doing; no task depends
on data that only this process could send again.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.streamed.batch_columns import BatchColumns, learn_batch_columns
from partialpool.design.streamed.dask_partitions import DaskPartitions, batches_of
from partialpool.design.streamed.read_batch import ReadBatch
from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import Source
from partialpool.design.streamed.survey import RowsRead, Survey, check_columns, survey_of
from partialpool.design.streamed.survey_part import SurveyPart
from partialpool.design.table import Missing
from partialpool.errors import DataWarning
from partialpool.marginal.gaussian.streamed_moments import StreamedMoments, collect_streamed
from partialpool.spec.model import ModelSpec

__all__ = ["cluster_of", "read_on_cluster"]


def cluster_of(source: Source) -> Any:
    """Return the client of the cluster that Dask DataFrames are computed on by default; None without one."""
    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(source, DaskPartitions):
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def read_on_cluster(
    client: Any, spec: ModelSpec, source: DaskPartitions, *, missing: Missing, say: Callable[[str], object]
) -> tuple[BatchColumns, StreamedMoments]:
    """Read a table twice where its partitions are.

    Parameters
    ----------
    client
        Of the cluster.
    spec, source, missing
        As for `read_streamed`.
    say
        Function called with what is being done.

    Raises
    ------
    DataError
        The table does not fit the model, or changes between the passes.
    """
    from dask import delayed  # noqa: PLC0415 - a client is there, and with it Dask

    check_columns(spec, source, missing)
    parts = source.parts(tuple(spec.columns))
    say(f"reading the levels on {len(client.scheduler_info()['workers'])} workers")
    found = [delayed(_survey_part)(part, spec, source.name, k) for k, part in enumerate(parts)]
    whole = client.compute(_tree(delayed(partial(_both_parts, spec, source.name)), found))
    with telling(source.name):
        survey = survey_of(spec, whole.result(), missing)
    columns = learn_batch_columns(spec, survey)
    say("adding up the moments where the partitions are")
    # A task makes the survey for the workers too: what is sent to a worker as data is lost with it.
    shared = client.submit(_survey_for_workers, spec, whole, pure=False)
    sums = [delayed(_moments_of_part)(part, spec, shared, source.name, k) for k, part in enumerate(parts)]
    with telling(source.name):
        read, moments = client.compute(_tree(delayed(_both_sums), sums)).result()
    read.check(survey)
    return columns, moments


def _tree(add: Any, parts: Sequence[Any]) -> Any:
    """Add up neighbours until one is left, so that no worker has to hold or receive all of them."""
    while len(parts) > 1:
        parts = [add(*parts[at : at + 2]) if at + 1 < len(parts) else parts[at] for at in range(0, len(parts), 2)]
    return parts[0]


def _survey_part(part: pd.DataFrame, spec: ModelSpec, source: str, k: int) -> SurveyPart:
    found = SurveyPart(spec, source) if k == 0 else SurveyPart(spec, source, examples=0)
    for batch in batches_of(part, f"partition {k} of {source}"):
        found.add(batch)
    return found


def _both_parts(spec: ModelSpec, source: str, first: SurveyPart, second: SurveyPart) -> SurveyPart:
    """Put two parts together; they stay as they are, since Dask may use them again."""
    return SurveyPart(spec, source).absorb(first).absorb(second)


def _survey_for_workers(spec: ModelSpec, whole: SurveyPart) -> Survey:
    """Return the survey without the warnings that this process has given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return survey_of(spec, whole, "drop")


def _moments_of_part(
    part: pd.DataFrame, spec: ModelSpec, survey: Survey, source: str, k: int
) -> tuple[RowsRead, StreamedMoments | None]:
    """Return what the second pass reads of a partition, and its moments; None where no row is complete."""
    columns, seen = learn_batch_columns(spec, survey), RowsRead.nothing(survey)
    read = (seen.read(survey, batch) for batch in batches_of(part, f"partition {k} of {source}"))
    complete = [one for one in read if one is not None]
    if not complete:
        return seen, None
    return seen, collect_streamed(columns, complete, units_of=_with_some_level(survey))


def _with_some_level(survey: Survey) -> ReadBatch:
    """Return the examples, whose levels play no part in the units, with a level each."""
    examples = survey.examples
    return replace(examples, factors={factor: np.zeros(examples.rows, np.int64) for factor in survey.factors})


def _both_sums(
    first: tuple[RowsRead, StreamedMoments | None], second: tuple[RowsRead, StreamedMoments | None]
) -> tuple[RowsRead, StreamedMoments | None]:
    moments = [one for _, one in (first, second) if one is not None]
    return first[0] + second[0], moments[0] + moments[1] if len(moments) == 2 else next(iter(moments), None)
