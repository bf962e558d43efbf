"""What was assumed before the data, and why."""

from partialpool.fitting import Fit
from partialpool.reporting.section import Section

__all__ = ["the_priors"]


def the_priors(fit: Fit) -> Section:
    """Tabulate every prior with its reason."""
    yours = sum(not entry.is_default for entry in fit.priors.entries)
    total = len(fit.priors.entries)
    who = "All are defaults, scaled to the data" if not yours else f"{yours} of {total} were chosen, the others default"
    return Section(
        prose=(f"What was assumed of each parameter before the data were seen. {who}.",), tables=(fit.priors.table,)
    )
