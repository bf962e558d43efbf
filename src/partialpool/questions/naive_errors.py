"""Standard errors of an analysis that ignores the grouping, beside those of the multilevel model."""

import warnings

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.units import UNITS
from partialpool.errors import DataError, DataWarning
from partialpool.families.registry import FAMILIES
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.fitting.pooling_ends import complete_pooling
from partialpool.likelihood.maximum_likelihood import likelihood_fit
from partialpool.model.pooled_regression import Ungrouped
from partialpool.names import BETA, COEF
from partialpool.spec.keywords import explains_keywords

__all__ = ["naive_errors"]


@explains_keywords
@of_first_table
def naive_errors(fit: Fit) -> xr.Dataset:
    """Return the standard error of each fixed effect without and with the grouping.

    The naive standard error is that of a fit of the same fixed effects which treats every row as independent. Normal
    responses: least squares, s^2 (X'X)^-1, or (X'WX)^-1 with W = diag(1 / se^2) for known standard errors. Binary
    responses and counts: maximum likelihood, the inverse Fisher information (X'WX)^-1 at the estimate,
    W = diag((d mean / d eta)^2 / Var(y)). With smooths: REML of the model without groups, which estimates its own
    curves (normal responses). Residuals with several sds or correlations keep these: generalised least squares; only
    the groups are ignored. The multilevel ("honest") standard error is the posterior standard deviation,
    which accounts for the grouping.

    The naive standard error is not always too small. A predictor that varies between levels (and the intercept) has
    fewer independent values than rows: honest / naive is above 1, near sqrt(1 + (m - 1) ICC) for m rows per level. A
    predictor that varies *within* levels is compared within them, where the differences between levels cancel; the
    naive analysis counts those differences as noise, and its standard error may be too LARGE: honest / naive below 1,
    near sqrt(1 - ICC) for a varying intercept (Moulton 1986, J. Econometrics 32:385). With a varying slope the ratio
    may be above or below 1.

    Parameters
    ----------
    fit
        A fit with fixed effects and grouping factors: gaussian or lognormal with the identity link, bernoulli,
        binomial or poisson.

    Returns
    -------
    xarray.Dataset
        By coefficient (`coef`), in its units: `naive` and `honest`, the standard errors without and with the grouping;
        `naive_estimate` and `honest_estimate`, the maximum-likelihood estimate without groups and the posterior mean.
        Without unit: `overconfidence`, honest / naive. There are no chains and draws, since `honest` summarises them.
        Under a nonlinear link the two estimates also differ in meaning: the naive one describes the average over
        levels, the honest one the typical level.

    Raises
    ------
    DataError
        Another family; a smooth of responses that are not normal; no grouping factor; no fixed effect; no residual
        degree of freedom; a likelihood without maximum.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (1 | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> (pp.naive_errors(fit)["overconfidence"] > 1).values  # Days varies within subjects
    array([ True, False])
    """
    _check(fit)
    scored = fit.spec.family_record.is_scored
    ask = _with_own_curves if fit.spec.smooths else _scoring if scored else _least_squares
    alone = ask(fit)
    naive = np.sqrt(np.diagonal(alone.covariance))
    beta = fit.posterior[BETA]
    honest = beta.std(("chain", "draw"), ddof=1).to_numpy()
    variables = {
        "naive": ((COEF,), naive),
        "honest": ((COEF,), honest),
        "overconfidence": ((COEF,), honest / naive),
        "naive_estimate": ((COEF,), alone.estimate),
        "honest_estimate": ((COEF,), beta.mean(("chain", "draw")).to_numpy()),
    }
    attrs = {
        "naive": _naive_in_words(fit),
        "honest": "posterior standard deviation",
        "definition": "overconfidence = honest / naive; below 1 where a predictor is compared within levels",
        "scale": fit.spec.link,
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
    }
    return Answer(variables, coords={COEF: list(fit.design.common.coefs)}, attrs=attrs)


def _naive_in_words(fit: Fit) -> str:
    if fit.spec.smooths:
        return "restricted maximum likelihood, with curves but without groups"
    if fit.design.residual is not None:
        return "generalised least squares: residual sds and correlations stay, groups are ignored"
    return "maximum likelihood, inverse Fisher information" if fit.spec.family_record.is_scored else "least squares"


def _scored() -> str:
    return ", ".join(repr(family.name) for family in FAMILIES.values() if family.is_scored)


def _check(fit: Fit) -> None:
    spec = fit.spec
    fit.design.check_no_parameters(
        "naive_errors",
        because="without groups they have no closed form",
        do="fit the model without its grouping terms by pp.fit, and compare the posterior sds",
    )
    fit.design.check_all_seen(
        "naive_errors",
        because="without groups they have no closed form",
        do="fit the model without its grouping terms by pp.fit, and compare the posterior sds",
    )
    fit.design.check_untruncated(
        "naive_errors",
        because="without groups they have no closed form",
        do="fit the model without its grouping terms by pp.fit, and compare the posterior sds",
    )
    if not spec.is_normal and not spec.family_record.is_scored:
        raise DataError(
            "naive standard errors are not available for this family and link",
            got=f"family {spec.family!r}, link {spec.link!r}",
            allowed=f"'gaussian' or 'lognormal' with the identity link, {_scored()}",
            do="fit the model without its grouping terms by pp.fit, and compare the posterior sds",
        )
    if not fit.design.grouping:
        raise DataError(
            "the model has no grouping to ignore", got=f"{spec}", allowed="a model with a grouping term", do="add one"
        )
    if not fit.design.common.coefs:
        raise DataError(
            "the model has no fixed effect, and so no standard error to compare",
            got=f"{spec}",
            allowed="an intercept or a predictor outside the grouping terms",
            do="add one",
        )


def _with_own_curves(fit: Fit) -> Ungrouped:
    """Fit the model without groups by REML: its curves, and how far they depart from lines, are estimated anew."""
    design = fit.design
    if not fit.spec.is_normal:
        design.check_no_smooths(
            f"naive_errors of {fit.spec.family!r} responses",
            because="an analysis without groups estimates its own curve, by REML, which is for normal responses",
            do="fit the model without its grouping terms by pp.fit, and compare the posterior sds",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # given when the model was fitted
        found = likelihood_fit(build_design(fit.spec.with_terms(groups=[]), design.frame), reml=True).maximum
    return Ungrouped(found.beta, found.covariance, design.n_rows - len(found.beta))


def _least_squares(fit: Fit) -> Ungrouped:
    design, alone = fit.design, complete_pooling(fit)
    if design.se is None and alone.freedom < 1:
        raise DataError(
            "too few rows for least squares to estimate the residual variance",
            got=f"{design.n_rows} rows, {len(alone.estimate)} fixed effects",
            allowed="more rows than fixed effects",
            do="leave a predictor out",
        )
    return alone


def _scoring(fit: Fit) -> Ungrouped:
    alone = complete_pooling(fit)
    if alone.infinite is not None or not np.isfinite(alone.estimate).all():
        raise DataError(
            "without its groups the model has no maximum of the likelihood: a coefficient goes to infinity",
            got="a predictor, or a category, that separates the outcomes",
            allowed="predictors that do not separate the outcomes; no category with zeros only, or ones only",
            do="leave out the predictor that separates the outcomes, or merge its categories",
        )
    return alone
