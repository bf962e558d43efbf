"""Find variances, correlations and sigma that the data cannot identify, and what to do about it.

They follow from the null space of a Gram matrix (`covariance_gram`), not from a list of problematic designs: two
factors with the same partition, one row for every effect, and a fixed effect for every level are cases of one rule.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from partialpool.design.covariance_gram import Part, common_basis, gram_matrices, part_of, residual_part
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects
from partialpool.design.structured_identifiability import StructuredSet, structured_sets
from partialpool.errors import DataWarning, warn
from partialpool.tabulate import listed

__all__ = ["Dependency", "not_identified", "warn_not_identified"]

_TOLERANCE = 1e-12
"""Eigenvalues of the Gram matrix (of matrices of norm 1) that count as zero: rounding errors are about 1e-15."""
_INVOLVED = 1e-4
"""Share of a direction above which a parameter counts as part of it."""
_SHOWN = 4


@dataclass(frozen=True)
class Dependency:
    """Covariance parameters that the data do not identify, together.

    Attributes
    ----------
    parameters
        Such as `sd_ID[trt[a]]`, `sigma`, `corr_ID[trt[a], trt[b]]`.
    got
        The grouping terms they belong to, as in a formula, and why the data do not identify them.
    do
        What to consider.
    """

    parameters: tuple[str, ...]
    got: str
    do: str

    @property
    def wrong(self) -> str:
        """The parameters that are not identified, at most four by name."""
        more = len(self.parameters) - _SHOWN
        shown = [*self.parameters[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
        return f"{listed(shown)} {'are' if len(self.parameters) > 1 else 'is'} not identified"

    def __str__(self) -> str:
        return f"{self.wrong}: got {self.got}; allowed, but consider {self.do}"


def warn_not_identified(design: Design) -> None:
    """Warn of every set of variances, correlations and sigma that the data do not identify."""
    for dependency in not_identified(design):
        warn(str(dependency), DataWarning)


def not_identified(design: Design) -> tuple[Dependency, ...]:
    """Find the covariance parameters that the data do not identify, those of the same terms together.

    A family's own dispersion counts as the residual (for a binary or ordinal response: the latent variable's arbitrary
    scale). The residual is known for counts, for successes of trials, and with known standard errors. Slopes that do
    not vary within any level have a separate warning. Factors of which a row has several levels are not looked at.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> table = load_dataset("pastes")
    >>> not_identified(build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), table))
    ()
    """
    if not design.grouping or any(isinstance(factor, MemberEffects) for factor in design.factors):
        return ()
    residual = bool(_residual_name(design))
    structured = [_structured(design, one) for one in structured_sets(design, has_residual=residual)]
    return (*_unstructured(design), *structured)


def _unstructured(design: Design) -> tuple[Dependency, ...]:
    """Find those of factors whose Sigma is linear in its parameters, without the other factors."""
    parts = [part_of(factor) for factor in design.grouping if not factor.structure.is_stated]
    if not parts:
        return ()
    if _residual_name(design):
        parts.append(residual_part(design.n_rows))
    plain, projected = _unit_norms(parts, *gram_matrices(parts, common_basis(design)))
    values, vectors = np.linalg.eigh(projected)
    null = _own_effects(parts, vectors[:, values <= _TOLERANCE])
    entries = [(part, a, b) for part in parts for a, b in part.pairs]
    found = []
    for members in _sets(entries, null):
        own = plain[np.ix_(members, members)]
        absorbed = np.linalg.eigvalsh(own)[0] > _TOLERANCE
        found.append(_dependency(design, [entries[k] for k in members], absorbed=bool(absorbed)))
    return tuple(found)


def _structured(design: Design, found: StructuredSet) -> Dependency:
    """Describe parameters of covariances with a structure."""
    factors = [design.grouping[k] for k in found.factors]
    terms = listed([term for f in factors for term in _terms(design, f, set(range(len(f.names))))])
    parameters = (*found.sds, *([_residual_name(design)] if found.has_residual else []), *found.correlations)
    single = len(parameters) == 1
    only = "only the prior is informative" if single else "only the priors separate them"
    got = f"{terms} in {design.n_rows} rows, which tell fewer variances and covariances than there are parameters"
    do = "fewer parameters, such as " + listed([f"(1 | {f.name})" for f in factors])
    return Dependency(parameters, f"{got}, so that {only}", f"{do}, or more rows for each level and condition")


def _residual_name(design: Design) -> str:
    """Return the parameter that scales the residual; empty where its variance is known."""
    family, trials = design.spec.family_record, design.response.trials
    if design.se is not None:
        return ""
    if family.is_latent and (trials is None or trials.max() == 1):
        return "the latent scale"
    return next((name for name, prior in family.parameters if prior.support != "unit"), "")  # zi, hu: no variances


def _unit_norms(parts: list[Part], plain: np.ndarray, projected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale both Gram matrices: entry (a, b) in units of sqrt(|D_aa| |D_bb|), as |D_ab| itself may be 0."""
    norms = np.sqrt(np.diagonal(plain))
    sizes, start = [], 0
    for part in parts:
        own = {a: norms[start + k] for k, (a, b) in enumerate(part.pairs) if a == b}
        sizes += [np.sqrt(own[a] * own[b]) for a, b in part.pairs]
        start += len(part.pairs)
    scale = np.outer(sizes, sizes)
    return plain / scale, projected / scale


def _own_effects(parts: list[Part], null: np.ndarray) -> np.ndarray:
    """Transform directions to the formula's own columns, keep the norm of each block, and orthonormalise."""
    own, start = np.zeros_like(null), 0
    for part in parts:
        for block in part.blocks:
            pairs = [(i, j) for i in range(len(block)) for j in range(i, len(block))]
            rows = slice(start, start + len(pairs))
            start += len(pairs)
            i, j = np.array(pairs).T
            change = np.zeros((null.shape[1], len(block), len(block)))
            change[:, i, j] = change[:, j, i] = null[rows].T
            root = part.to_own[np.ix_(block, block)]
            turned = (root @ change @ root.T)[:, i, j].T
            turned *= np.outer(*2 * [np.sqrt((np.linalg.inv(root) ** 2).sum(axis=0))])[i, j][:, None]
            size = np.linalg.norm(turned)
            own[rows] = turned * (np.linalg.norm(null[rows]) / size if size else 1.0)
    return np.linalg.qr(own)[0] if null.shape[1] else own


def _sets(entries: list[tuple[Part, int, int]], null: np.ndarray) -> list[np.ndarray]:
    """Return the positions of the parameters that are part of one direction, those of the same factors together."""
    shares = null @ null.T
    involved = np.diagonal(shares) > _INVOLVED**2
    _, component = connected_components(sparse.csr_array(np.abs(shares) > _INVOLVED**2), directed=False)
    together: dict[frozenset[int], list[int]] = {}
    for one in np.unique(component[involved]):
        members = np.flatnonzero(component == one)
        together.setdefault(frozenset(id(entries[k][0]) for k in members), []).extend(members)
    return [np.sort(members) for members in together.values()]


def _dependency(design: Design, entries: list[tuple[Part, int, int]], *, absorbed: bool) -> Dependency:
    """Describe the parameters and their terms, why they are not identified, and what to do."""
    sds, correlations, effects = [], [], dict[str, set[int]]()
    residual = any(part.factor is None for part, _, _ in entries)
    for part, a, b in entries:
        if part.factor is None:
            continue
        name, names = part.factor.name, part.factor.names
        first, second = part.effects[a], part.effects[b]
        effects.setdefault(name, set()).update({first, second})
        if first == second:
            sds.append(f"sd_{name}[{names[first]}]")
        else:
            correlations.append(f"corr_{name}[{names[first]}, {names[second]}]")
    factors = [factor for factor in design.grouping if factor.name in effects]
    written = [term for factor in factors for term in _terms(design, factor, effects[factor.name])]
    terms = listed(written) if written else ""
    parameters = (*sds, *([_residual_name(design)] if residual else []), *correlations)
    if residual:
        return _beside_residual(design, factors, effects, (terms, len(sds), parameters))
    if not sds:
        got = f"{terms}, where no level informs both effects, so that only the prior is informative"
        return Dependency(parameters, got, f"independent effects: || in place of | in {terms}")
    if absorbed:
        got = (
            f"{terms}, and fixed effects that already explain the same variation, so that only the prior is informative"
        )
        return Dependency(parameters, got, f"leaving out {terms}, or those fixed effects")
    same = len(factors) > 1 and _one_partition(factors)
    why = "whose levels are the same groups of rows" if same else "which imply the same covariances of rows"
    out = "one of them out" if len(written) > 1 else f"an effect out of {terms}"
    return Dependency(parameters, f"{terms}, {why}, so that only the priors separate them", f"leaving {out}")


def _beside_residual(
    design: Design,
    factors: "list[FactorEffects]",
    effects: dict[str, set[int]],
    said: tuple[str, int, tuple[str, ...]],
) -> Dependency:
    """Describe effects, or fixed effects, that absorb the residual."""
    (terms, n_sds, parameters), n_common = said, len(design.common.coefs)
    count = sum(len(effects[factor.name]) * factor.n_levels for factor in factors)
    own = f"{terms}, {count} effects in addition to {n_common}" if factors else f"{n_common}"
    only = "only the priors separate them" if factors else "only the prior is informative"
    got = f"{own} fixed effects in {design.n_rows} rows, so that {only}"
    fewer = f", such as (1 | {factors[0].name})" if len(factors) == 1 and n_sds > 1 else ""
    return Dependency(parameters, got, f"fewer effects{fewer}, or more rows for each level and condition")


def _terms(design: Design, factor: FactorEffects, effects: set[int]) -> list[str]:
    """Return the factor's terms, as in the formula, that have one of the effects."""
    groups = [group for group in design.spec.groups if group.factor == factor.name]
    ends = np.cumsum([len(recipe.names) for recipe in factor.recipes])
    having = {int(np.searchsorted(ends, effect, side="right")) for effect in effects}
    return [str(group) for k, group in enumerate(groups) if k in having]


def _one_partition(factors: "list[FactorEffects]") -> bool:
    """Whether the levels of all factors are the same groups of rows."""
    cells = len(np.unique(np.column_stack([factor.codes for factor in factors]), axis=0))
    return all(factor.n_levels == cells for factor in factors)
