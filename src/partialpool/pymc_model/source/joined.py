"""Effects over a factor that are correlated across predictors, as text: those of `pymc_model/predictors.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, JoinedMember
from partialpool.model.prior_set import PriorSet
from partialpool.names import across_bis_dim, across_dim, across_name, effect_bis_dim, effect_dim, z_name
from partialpool.pymc_model.source.code import Code, listed, number, written
from partialpool.pymc_model.source.correlations import LKJ, in_order_of_effects
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.names import FactorNames
from partialpool.pymc_model.source.piece import Piece, let, statement
from partialpool.pymc_model.source.priors import PM, PT

__all__ = ["Member", "joined_effects", "joined_labels"]


@dataclass(frozen=True, eq=False)
class Member:
    """What one predictor has of a joined factor.

    Attributes
    ----------
    of
        Its variables and the places of its effects.
    factor
        Its effects, over the factor's name in posteriors.
    names
        Names of its local variables.
    sds
        Local variable and variable of the sds for which priors are stated.
    """

    of: JoinedMember
    factor: FactorEffects
    names: FactorNames
    sds: tuple[str, str]


def joined_effects(joined: JoinedFactor, members: Sequence[Member], priors: PriorSet, turn: Code | None) -> Piece:
    """Write effects of several predictors, from their sds, which exist.

    Parameters
    ----------
    joined, members
        The factor, and what each predictor has of it.
    priors
        The model's priors.
    turn
        From the effects that have the priors to those that are reported, of all predictors; None where they are the
        same.
    """
    name = across_name(joined.factor)
    # These are used up at once: several factors may have the same ones.
    L, sds, z, effects, half, corr = (Code(f"{kind}_across") for kind in ("L", "sds", "z", "effects", "half", "corr"))
    lines = commented(f"{joined.factor}: correlations of the effects of all predictors ~ {priors[name]}.", indent=2)
    eta = number(priors[name].arguments["eta"], exact=True)
    lines += _root_lines(L.text, joined, eta)
    lines += commented("The effects of each level, non-centred: standard normal z times their sds.", indent=2)
    for one in members:
        dims = one.factor.name, effect_dim(one.factor.name)
        lines += let(one.names.of("z"), PM.Normal(z_name(one.factor.name), 0, 1, dims=dims), 2)
    lines += let(sds.text, PT.concatenate(listed(Code(one.sds[0]) for one in members)), 2)
    lines += let(z.text, PT.concatenate(listed(Code(one.names.of("z")) for one in members), axis=1), 2)
    lines += let(effects.text, Code(f"({(z @ L.T).text})") * sds, 2)
    dims = across_dim(joined.factor), across_bis_dim(joined.factor)
    if turn is None:
        lines += _correlations(corr, PM.Deterministic(name, L @ L.T, dims=dims), members)
        return Piece((), (*lines, *_reported(members, effects, None, corr)), functions=(LKJ,))
    size = Code("size_across")
    lines += commented("As reported: the same of the effects times a matrix.", indent=2)
    lines += let(half.text, turn @ Code(f"({(sds[:, None] * L).text})"), 2)
    lines += let(size.text, PT.sqrt((half**2).sum(axis=1)), 2)
    lines += let(half.text, half / size[:, None], 2)
    lines += _correlations(corr, PM.Deterministic(name, half @ half.T, dims=dims), members)
    lines += let(effects.text, effects @ Code(turn.text).T, 2)
    return Piece((), (*lines, *_reported(members, effects, size, corr)), functions=(LKJ,))


def _root_lines(local: str, joined: JoinedFactor, eta: Code) -> list[str]:
    """Return the lines that assign the Cholesky factor of all correlations: 0 between blocks of effects."""
    name, blocks, cholesky = f"{across_name(joined.factor)}_partial", joined.blocks, Code("lkj_cholesky")
    if len(blocks) == 1:
        return let(local, cholesky(name, n=len(blocks[0]), eta=eta), 2)
    parts = [cholesky(f"{name}_{at}", n=len(block), eta=eta) for at, block in enumerate(blocks)]
    return let(local, PT.linalg.block_diag(*parts), 2) + in_order_of_effects(local, blocks)


def joined_labels(joined: JoinedFactor) -> dict[str, Code]:
    """Return the labels of the dimensions of the correlations across predictors."""
    labels = written(list(joined.effects))
    return {across_dim(joined.factor): labels, across_bis_dim(joined.factor): labels}


def _correlations(corr: Code, whole: Code, members: Sequence[Member]) -> list[str]:
    """Return the lines that report the correlations; they are a variable where a predictor's own are part of them."""
    if any(one.factor.correlated for one in members):
        return let(corr.text, whole, 2)
    return statement(whole, 2)


def _reported(members: Sequence[Member], effects: Code, size: Code | None, corr: Code) -> list[str]:
    """Return the lines that report each predictor's part; sds where they are not those that have priors."""
    lines: list[str] = []
    for one in members:
        effect, place = effect_dim(one.factor.name), one.of.place
        if size is not None and one.of.sd != one.sds[1]:
            lines += statement(PM.Deterministic(one.of.sd, size[place], dims=effect), 2)
        if one.factor.correlated:
            both = (effect, effect_bis_dim(one.factor.name))
            lines += statement(PM.Deterministic(one.of.corr, corr[place, place], dims=both), 2)
        whole = PM.Deterministic(one.of.b, effects[:, place], dims=(one.factor.name, effect))
        lines += let(one.names.of("b"), whole, 2)
    return lines
