"""Remove rows from a design, keeping its units and codings."""

from dataclasses import replace

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects, kept_members

__all__ = ["keep_rows"]


def keep_rows(design: Design, keep: np.ndarray) -> Design:
    """Return the design of some rows only.

    Codings, learned means and the predictors' centres are kept, and with them the resolved priors: it is the same model
    on fewer rows. Levels that lose all their rows are removed.

    Parameters
    ----------
    design
        The model's design.
    keep
        Whether each row stays, boolean (rows,).
    """
    response = replace(
        design.response,
        values=design.response.values[keep],
        trials=None if design.response.trials is None else design.response.trials[keep],
        truncation=None if design.response.truncation is None else design.response.truncation.take(keep),
        censoring=None if design.response.censoring is None else design.response.censoring.take(keep),
    )
    return replace(
        design,
        response=response,
        common=replace(design.common, values=design.common.values[keep]),
        factors=tuple(_kept_factor(factor, keep) for factor in design.factors),
        offset=None if design.offset is None else design.offset[keep],
        se=None if design.se is None else design.se[keep],
        precision=None if design.precision is None else design.precision[keep],
        residual=None if design.residual is None else design.residual.take(np.flatnonzero(keep)),
        rows=design.rows[keep],
        frame=design.frame.iloc[np.flatnonzero(keep)],
        parameters={name: keep_rows(other, keep) for name, other in design.parameters.items()},
    )


def _kept_factor(factor: FactorEffects, keep: np.ndarray) -> FactorEffects:
    if isinstance(factor, MemberEffects):
        return kept_members(factor, keep)
    alive, codes = np.unique(factor.codes[keep], return_inverse=True)
    labels = tuple(factor.levels.labels[i] for i in alive)
    kinship = None if factor.kinship is None else factor.kinship.kept(alive)
    levels = replace(factor.levels, labels=labels)
    return replace(factor, levels=levels, codes=codes, values=factor.values[keep], kinship=kinship)
