"""Which levels have their draws kept, where the effects of all levels are too many to keep."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import DataError, EngineError, SpecError, nearest
from partialpool.sampling.settings import Settings

__all__ = ["check_can_keep_some", "kept_levels"]


def check_can_keep_some(settings: Settings, design: Design, engine: str, *, integrates: bool) -> None:
    """Refuse `keep_levels` where draws of effects do not follow from theta, or are wanted as offsets too.

    Parameters
    ----------
    settings, design
        The settings and the model.
    engine, integrates
        The engine, and whether it integrates effects out, so that it needs moments of the rows only.

    Raises
    ------
    EngineError, SpecError
        Another engine, or correlated residuals; `keep_z`.
    """
    if settings.keep_levels is None:
        return
    if not integrates or design.residual is not None:
        raise EngineError(
            "draws of some levels alone are made only where group effects integrate out exactly",
            got=f"engine {engine!r}" + ("" if design.residual is None else ", several residual sds or correlations"),
            allowed="keep_levels= for a normal or lognormal response with one residual sd, by collapsed or gibbs",
            do="leave keep_levels= out, and keep fewer draws",
        )
    if settings.keep_z:
        raise SpecError(
            "offsets are kept of all levels or of none",
            got="keep_z=True with keep_levels=",
            allowed="one of the two",
            do="leave keep_z= out",
        )


def kept_levels(design: Design, wanted: Any) -> tuple[np.ndarray | None, ...]:
    """Return the positions of the levels to keep, by factor of the design; None for a factor that keeps all.

    Parameters
    ----------
    design
        The model.
    wanted
        A list of labels where there is one grouping factor, or lists by factor; factors that are not named keep all.

    Raises
    ------
    SpecError
        Not a list or a dictionary of lists; a list, and there are several factors.
    DataError
        No such factor or level.

    Examples
    --------
    >>> import pandas as pd
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5, 6], "g": list("aabbcc")})
    >>> kept_levels(build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)"), table), ["c", "a"])
    (array([0, 2]),)
    """
    grouping = {factor.name: factor for factor in design.grouping}
    if not isinstance(wanted, Mapping):
        if len(grouping) != 1:
            raise SpecError(
                "name the factor whose levels are kept",
                got=f"keep_levels={wanted!r}, and the model has {', '.join(grouping) or 'no grouping factors'}",
                allowed="a list of labels for one grouping factor, or lists by factor",
                do=f"write keep_levels={{{next(iter(grouping), 'g')!r}: [...]}}",
            )
        wanted = {next(iter(grouping)): wanted}
    found: dict[str, np.ndarray] = {}
    for name, labels in wanted.items():
        if name not in grouping:
            raise DataError(
                "keep_levels= names something that is no grouping factor",
                got=repr(name),
                allowed=nearest(str(name), list(grouping)),
                do="correct the name",
            )
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise SpecError(
                "keep_levels= must be a list of labels",
                got=repr(labels),
                allowed="['a', 'b'], or [] to keep the draws of no level",
                do="write the labels in a list",
            )
        found[name] = _positions(name, grouping[name].levels.labels, list(labels))
    return tuple(found.get(factor.name) for factor in design.factors)


def _positions(factor: str, levels: tuple[Any, ...], labels: list[Any]) -> np.ndarray:
    place = {label: at for at, label in enumerate(levels)} if labels else {}
    unknown = [label for label in labels if label not in place]
    if unknown:
        raise DataError(
            f"{factor!r} has no such level",
            got=repr(unknown[0]),
            allowed=nearest(str(unknown[0]), [str(label) for label in levels[:10_000]]),
            do="write the label as the table has it",
        )
    return np.unique(np.array([place[label] for label in labels], np.int64))
