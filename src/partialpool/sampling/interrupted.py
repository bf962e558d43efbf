"""What is said of a run that Ctrl-C cut short."""

from partialpool.errors import SamplingWarning, warn
from partialpool.sampling.settings import Settings

__all__ = ["warn_interrupted"]


def warn_interrupted(chains: int, draws: int, settings: Settings) -> None:
    """Warn which draws an interrupted run kept; if none, raise KeyboardInterrupt."""
    if draws == 0:
        raise KeyboardInterrupt("interrupted before the first draw was kept")
    warn(
        f"sampling was interrupted: got {draws} of {settings.draws} draws from each of {chains} of "
        f"{settings.chains} chains; they are kept, and the diagnostics show whether they suffice",
        SamplingWarning,
    )
