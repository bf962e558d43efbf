"""The PyMC code of a model: a script that has the model and its data, and runs without this package."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, overload, runtime_checkable

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.table import Missing
from partialpool.errors import SpecError
from partialpool.files import check_place, whole_file
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.pymc_model.source.script import write_script
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["Fitted", "pymc_source"]

_DOING = "write the PyMC script"


@runtime_checkable
class Fitted(Protocol):
    """A fit, as far as its model is concerned."""

    @property
    def design(self) -> Design:
        """The arrays of the model."""
        ...

    @property
    def priors(self) -> PriorSet:
        """Every prior."""
        ...


@overload
def pymc_source(
    model: Fitted | ModelSpec | str,
    data: Any = ...,
    *,
    path: None = ...,
    family: str | None = ...,
    link: str | None = ...,
    priors: Mapping[str, object] = ...,
    se: str | None = ...,
    cov: Mapping[str, object] = ...,
    missing: Missing = ...,
) -> str: ...
@overload
def pymc_source(
    model: Fitted | ModelSpec | str,
    data: Any = ...,
    *,
    path: str | Path,
    family: str | None = ...,
    link: str | None = ...,
    priors: Mapping[str, object] = ...,
    se: str | None = ...,
    cov: Mapping[str, object] = ...,
    missing: Missing = ...,
) -> Path: ...
@explains_keywords
def pymc_source(
    model: Fitted | ModelSpec | str,
    data: Any = None,
    *,
    path: str | Path | None = None,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    missing: Missing = "drop",
) -> str | Path:
    """Write the PyMC script of a model: its data, its priors with their numbers, and its likelihood.

    The script imports NumPy, pandas and PyMC, and not this package. It defines `model`, the model of `build_model`
    with the same variables, and samples from it when it is run. The table is part of it, so that sharing the script
    shares the data.

    Parameters
    ----------
    model
        A fit; or a `ModelSpec` or a formula, with a table.
    data
        The table, where `model` is not a fit.
    path
        The file to write. It appears under its name only when it is complete.
    family, link, priors, se, cov, missing
        As for `fit`; not with a fit.

    Returns
    -------
    str or pathlib.Path
        The script as text; the file, where `path` is given.

    Raises
    ------
    SpecError
        Data or options with a fit, which has its own; a model without data.
    DataError
        The table does not fit the model.
    FileError
        The folder does not exist or cannot be written to, or the path is a folder.

    Examples
    --------
    >>> import partialpool as pp
    >>> text = pp.pymc_source("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"))
    >>> [line.strip() for line in text.splitlines() if "pm.HalfStudentT" in line][-1]
    'sigma = pm.HalfStudentT("sigma", nu=3.0, sigma=61.96437148)'
    """
    if path is not None:
        check_place(path, doing=_DOING)
    if isinstance(model, Fitted):
        options = {"family": family, "link": link, "priors": priors, "se": se, "cov": cov}
        _check_alone(data, [name for name, value in options.items() if value])
        text = write_script(model.design, model.priors)
    else:
        spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
        if data is None:
            raise SpecError(
                "a model without a table has no script: default priors are scaled to the data",
                got="a model alone",
                allowed="a fit; or a model and a table",
                do="write pp.pymc_source(formula, data)",
            )
        design = build_design(spec, data, missing=missing)
        text = write_script(design, resolve_priors(design))
    if path is None:
        return text
    with whole_file(path, doing=_DOING) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def _check_alone(data: Any, options: list[str]) -> None:
    """Refuse data and options with a fit, which has its own."""
    given = [*(["data"] if data is not None else []), *options]
    if given:
        named = isinstance(data, str | Path)
        raise SpecError(
            "a fit has its own model and table",
            got=f"{', '.join(given)} along with a fit",
            allowed="path= alone",
            do=f"write pp.pymc_source(fit, path={str(data)!r})" if named else "leave these out",
        )
