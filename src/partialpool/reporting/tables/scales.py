"""The scale of a model's coefficients, and of their exponentials, in words."""

from dataclasses import dataclass

from partialpool.fitting.fit import Fit

__all__ = ["Scale", "plural", "scale_of"]


@dataclass(frozen=True)
class Scale:
    """What the coefficients of a model are.

    Attributes
    ----------
    response
        The response.
    name
        Scale of the linear predictor: `log odds`, `log scale`; empty where it is the response's.
    ratio
        Name of exp(coefficient); empty where it has none.
    exponential_of_intercept
        Name of exp(Intercept).
    """

    response: str
    name: str
    ratio: str
    exponential_of_intercept: str

    def measure(self, *, exponentiate: bool) -> str:
        """Name what the fixed effects are in the table.

        Examples
        --------
        >>> scale = Scale("y", "log odds", "odds ratio", "odds")
        >>> scale.measure(exponentiate=True), scale.measure(exponentiate=False)
        ('odds ratio', 'log odds')
        """
        return (self.ratio if exponentiate else "") or self.name or "estimate"

    def measures(self, *, exponentiate: bool) -> str:
        """Name them for a heading: in the plural; empty where they are on the response's own scale.

        Examples
        --------
        >>> scale = Scale("y", "log odds", "odds ratio", "odds")
        >>> scale.measures(exponentiate=True), scale.measures(exponentiate=False)
        ('odds ratios', 'log odds')
        """
        return plural(self.ratio) if exponentiate and self.ratio else self.name


def plural(ratio: str) -> str:
    """Return the plural of a ratio's name.

    Examples
    --------
    >>> plural("odds ratio"), plural("ratio of means")
    ('odds ratios', 'ratios of means')
    """
    first, of, rest = ratio.partition(" of ")
    return f"{first}s{of}{rest}"


def scale_of(fit: Fit, response: str) -> Scale:
    """Return the scale of a fit's coefficients.

    Parameters
    ----------
    fit, response
        The fit, and the label of its response.
    """
    family, link = fit.spec.family_record, fit.spec.link_record
    if family.on_log_scale:
        return Scale(response, "log scale", "ratio of medians", "median")
    if link.coefficients_are_log_ratios:
        return Scale(
            response, link.unit_in_words, family.support.ratio_of_means, family.support.exponential_of_intercept
        )
    return Scale(response, link.unit_in_words, link.coefficient_ratio.lower().replace("ratios", "ratio"), "odds")
