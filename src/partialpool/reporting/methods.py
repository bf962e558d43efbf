"""The statistical methods of a fit as text for a paper."""

from collections.abc import Mapping

from partialpool.fitting.fit import Fit
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.labels.labels import checked_labels
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.methods import write_methods
from partialpool.spec.keywords import explains_keywords

__all__ = ["methods"]


@explains_keywords
def methods(fit: Fit, *, prob: float = DEFAULT_PROB, labels: Mapping[str, str] | None = None) -> str:
    """Return paragraphs for the methods section of a paper: model, priors, computation with diagnostics, software.

    They are those of the report. They name quantities in words (`sd of Days over Subject`), give units where the table
    or the model states them, and say how many rows were left out because of missing values, if any were. They state
    what was done, not why: reasons for the model and the priors are the authors', as is what was compared or checked
    beside this fit.

    Parameters
    ----------
    fit
        A fit by any engine.
    prob
        Probability of the intervals that the paper reports.
    labels
        What to write for a column, a coefficient, a factor, a parameter or a category, as in `table` and `report`:
        `{"Days": "Days awake", "Subject": "Participant"}`. The formula keeps the names of the model.
        They come before those of the fit itself.

    Returns
    -------
    str
        Four paragraphs, with an empty line between them.

    Raises
    ------
    SpecError
        `prob` is not between 0 and 1; a label for a name that the model does not have.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> pp.methods(fit).split(". ")[0]
    'We fitted a Bayesian hierarchical (mixed-effects) model to Yield (30 rows)'
    """
    central_ends(prob)
    known = None if labels is None and not fit.labels else checked_labels([fit], labels)
    return "\n\n".join(write_methods(Reported(fit, prob, known)))
