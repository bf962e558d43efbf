"""The model in words and as equations, and its groups."""

from partialpool.reporting.describe import describe_data, describe_words
from partialpool.reporting.equations import write_equations
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.spec.columns_read import smooths_of

__all__ = ["the_model"]


def the_model(reported: Reported) -> Section:
    """Describe the model in words, write its equations, and count the rows per level."""
    fit = reported.fit
    groups, _ = describe_data(fit.design, fit.priors)
    legend = "i is a row of the table"
    if fit.design.grouping:
        legend += ", g a level; b is the deviation of a level from the population"
    if any(factor.correlated for factor in fit.design.factors):
        legend += ", R the correlations of its effects"
    if smooths_of(fit.spec):
        legend += ", B the columns of a curve's basis, k one of them"
    if fit.priors.together:
        centred = " minus their means (c)" if fit.design.spec.intercept else ""
        legend += f", X the columns of the n rows{centred}"
    equations = write_equations(fit.design, fit.priors)
    spreads = ["Normal(m, s) has the standard deviation s"] if " Normal(" in equations.text else []
    spreads += ["MvNormal(m, S) has the covariance matrix S"] if " MvNormal(" in equations.text else []
    if spreads:
        legend += f". {'; '.join(spreads)}"
    return Section(
        prose=(*describe_words(fit.design).splitlines(), f"In the equations {legend}.", *_labels(reported)),
        equations=(equations,),
        tables=(groups,) if fit.design.grouping else (),
    )


def _labels(reported: Reported) -> tuple[str, ...]:
    """State which names of the model have labels in other sections."""
    if reported.labels is None or not reported.labels.given:
        return ()
    said = "; ".join(
        f"{name}: {reported.labels.plain(name)}" for name in reported.labels.given if name not in reported.labels.added
    )
    return (f"This section has the names of the model. The other sections have labels for them: {said}.",)
