"""The priors of a model on a table, before anything is fitted."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from partialpool.design.build import build_design
from partialpool.design.streamed.source import as_source
from partialpool.design.table import Missing
from partialpool.fitting.streamed import read_streamed
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["priors"]


@explains_keywords
def priors(
    model: ModelSpec | str | Sequence[str],
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    missing: Missing = "drop",
) -> PriorSet:
    """List every prior of a model on a table, with its scale and reason.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, missing
        As for `fit`.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> table = load_dataset("dyestuff")
    >>> print(priors("Yield ~ 1 + (1 | Batch)", table, priors={"sigma": {"distribution": "HalfNormal", "sigma": 60}}))
    Priors
     parameter            prior                            from     reason
     beta[Intercept]      Normal(mu=1528, sigma=154.9)     default  mean(y) = 1528; 2.5 s_y, s_y = sd(y) = 61.96
     sd_Batch[Intercept]  HalfStudentT(nu=3, sigma=61.96)  default  s_y, s_y = sd(y) = 61.96
     sigma                HalfNormal(sigma=60)             yours    given as sigma
    Priors are on the original scale of the data; beta[Intercept] is at the predictors' means.
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
    if (source := as_source(data)) is not None:
        return resolve_priors(read_streamed(spec, source, missing=missing, progressbar=True)[0])
    return resolve_priors(build_design(spec, data, missing=missing))
