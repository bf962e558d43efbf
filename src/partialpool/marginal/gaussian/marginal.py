"""The marginal density of a design and its priors, with everything but theta integrated out."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numba as nb
import numpy as np

from partialpool.compile_side_by_side import compiled_elsewhere
from partialpool.design.design import Design
from partialpool.distributions.density_kernel import LOG
from partialpool.kernels import awaits_compilation
from partialpool.lent_record import LentRecord, lend
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.bound_kernel import BoundKernel, Factors, bind_by_level, bind_nested
from partialpool.marginal.gaussian.crossproducts import Moments
from partialpool.marginal.gaussian.gradient import evaluate_gradient
from partialpool.marginal.gaussian.integrated_columns import Columns, columns_of, integrated_columns, normals_of
from partialpool.marginal.gaussian.kinship_rotation import Rotation, find_rotations, rotate
from partialpool.marginal.gaussian.nest import Nest
from partialpool.marginal.gaussian.nested_order import IN_PIECES, arrange_by_level, nest_is_faster
from partialpool.marginal.gaussian.ordering import BRANCH_FROM, Arrangement, Leaf, System, arrange
from partialpool.marginal.gaussian.parameters import Layout, Normals
from partialpool.marginal.gaussian.partial_correlation import FREE
from partialpool.marginal.gaussian.standardise import Units, choose_units
from partialpool.marginal.gaussian.tail_kernel import TAIL_ARGUMENTS, tail_kernel
from partialpool.marginal.gaussian.theta_layout import lay_out_theta
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_set import PriorSet
from partialpool.names import SIGMA
from partialpool.workers import map_pieces, piece_size

__all__ = ["SLOPES_FROM", "Marginal", "build_flat", "build_marginal", "build_weighted"]

SLOPES_FROM: Final = 6
"""Elements from which one gradient is cheaper than differences, if an evaluation takes more than microseconds."""
_LEVELS_FROM: Final = 4
"""The same where nearly all work is the elimination of levels one by one, whose gradient costs four densities, not ten
as that of a dense tail."""
_NEST_FROM: Final = 12
"""The same where densities have levels side by side, and gradients one by one: 15 densities, and on one thread."""
_TAIL_SHARE: Final = 0.1
"""Share of the work in the dense tail up to which that is so."""
_ROWS: Final = nb.typeof(np.empty((0, 0)))
_CHEAP: Final = 1e5
"""Multiplications per evaluation up to which it counts as cheap: some tens of microseconds."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """log p(y | theta) + log p(theta), ready to evaluate.

    Attributes
    ----------
    design
        The model's arrays.
    units
        The units in which the algebra is done.
    arrangement
        The moments in elimination order.
    turn
        C of the common columns used in the algebra, X* C: coordinates with a separate prior each, (coefs, coefs).
    layout, normals
        Positions of theta's elements, with their priors; priors of the integrated common columns.
    known
        Coefficient of each integrated column whose contribution is subtracted from the response, in `Units`,
        (integrated,): the mean of a prior narrower than the standard error from the data. As the mean of u, mu / sd,
        its square would cost digits; subtracting the mean of a wide prior from the response would cost them too.
    integrated
        Which columns are integrated out, boolean (coefs,).
    elements
        Name of each element of theta.
    log_constant
        Constant that converts the log density of y* into that of y.
    rotations
        Per factor of the design, the map from pseudo-levels of the arrangement to levels with a known covariance; None
        if levels are independent.
    draws_levels
        Whether group effects are drawn given theta, or only the coefficients.
    """

    design: Design
    units: Units
    arrangement: Arrangement
    turn: np.ndarray
    layout: Layout
    normals: Normals
    known: np.ndarray
    integrated: np.ndarray
    elements: tuple[str, ...]
    log_constant: float
    rotations: tuple[Rotation | None, ...]
    draws_levels: bool = field(default=True, kw_only=True)

    @property
    def size(self) -> int:
        """Number of elements of theta."""
        return len(self.elements)

    @property
    def log_sds(self) -> np.ndarray:
        """Positions in theta of the group sds that are on the log scale."""
        at = [i for i, e in enumerate(self.elements) if e.startswith("sd_") and self.layout.coordinates[i] == LOG]
        return np.array(at, np.int64)

    @cached_property
    def lent_layout(self) -> LentRecord:
        """The layout as `unpack_many` takes it."""
        return lend(self.layout)

    @property
    def partial_correlations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions in theta of the atanh partial correlations, and of the log sds of the two effects of each."""
        layout = self.layout
        free = layout.partial_kind == FREE
        sds = layout.sd_at[layout.partial_factor[free]]
        each = np.arange(len(sds))
        return layout.partial_at[free], sds[each, layout.partial_row[free]], sds[each, layout.partial_column[free]]

    @property
    def work(self) -> float:
        """Number of multiplications of one evaluation."""
        return self.arrangement.work

    @property
    def is_cheap(self) -> bool:
        """Whether a density is evaluated in microseconds."""
        return self.work < _CHEAP

    @property
    def has_cheap_gradient(self) -> bool:
        """Whether a gradient costs less than differences of the log density: for many elements, on a large system."""
        if self.is_cheap:
            return False
        if self._has_nest_for_density:
            return self.size >= _NEST_FROM
        tail = self.arrangement.density.tail
        by_level = (tail.columns + tail.common) ** 3 / 3 < _TAIL_SHARE * self.work
        return self.size >= (_LEVELS_FROM if by_level else SLOPES_FROM)

    def sigma(self, theta: np.ndarray) -> float:
        """Return the residual sd of one theta in the units of the algebra; 1 if standard errors are known."""
        return float(unpack_many(self.lent_layout, theta[None]).sigma[0])

    def residual_draws(self, thetas: np.ndarray) -> dict[str, np.ndarray]:
        """Return the residuals' parameters of each row of thetas by name, in the units of the data; none are known."""
        if self.design.se is not None or self.layout.sigma < 0:
            return {}
        return {SIGMA: unpack_many(self.lent_layout, thetas).sigma * self.units.residual}

    def least_squares(self) -> np.ndarray:
        """Return ordinary least-squares estimates of the columns that are kept in theta, (kept,)."""
        tail, kept = self.arrangement.density.tail, len(self.layout.kept_shift)
        gram = tail.gram[tail.columns :, tail.columns :]
        solved = np.linalg.lstsq(gram[:-1, :-1], gram[:-1, -1], rcond=None)[0]
        return solved[len(solved) - kept :]

    def with_moments(self, moments: Moments) -> "Marginal":
        """Return the same model of a working response with other weights; `log_constant` is not changed."""
        rotations = find_rotations(moments, [factor.root for factor in self.design.factors], jointly=False)
        if not np.array_equal(self.turn, np.eye(len(self.turn))):
            moments = moments.turned(self.turn)
        return replace(self, arrangement=arrange(rotate(moments, rotations), self.integrated), rotations=rotations)

    @cached_property
    def for_draws(self) -> tuple[System, Leaf, Nest]:
        """What is eliminated where effects are drawn: nested factors with their levels side by side, if there are any.

        Without a nest, rows with the same predictors are still counted once.
        """
        system, nest = arrange_by_level(self.arrangement, IN_PIECES)
        if nest.leaf.gram.shape[2] > 0:
            return system, system.leaf, nest
        return self.arrangement.density, self.arrangement.levels, nest

    def log_density(self, theta: np.ndarray) -> float:
        """Evaluate log p(y | theta) + log p(theta), in the units of y, theta on the real line."""
        return float(self.log_densities(theta[None])[0])

    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the log density and its gradient (elements,)."""
        out = np.zeros(self.size)
        value = evaluate_gradient(self.arrangement.density, self.layout, self.normals, theta[None], out)
        return value + self.log_constant, out

    def log_densities(self, thetas: np.ndarray, *, workers: int = 1) -> np.ndarray:
        """Evaluate the log density of each row of thetas (n, elements), on some threads; shape (n,)."""
        out = np.empty(len(thetas))
        thetas = np.ascontiguousarray(thetas)
        size = piece_size(self.work)
        pieces = [slice(at, at + size) for at in range(0, len(thetas), size)]
        map_pieces(lambda piece: self._evaluate(thetas[piece], out[piece]), pieces, workers)
        return out + self.log_constant

    def _evaluate(self, thetas: np.ndarray, out: np.ndarray) -> None:
        """Write the log density of each row of thetas, up to the constant, into out (n,)."""
        self._density.evaluate(unpack_many(self.lent_layout, thetas), out)

    def draw_effects(self, thetas: np.ndarray, noise: np.ndarray, effects: np.ndarray, out: np.ndarray) -> None:
        """Draw effects given thetas, with log densities into out; see `given_theta`."""
        self._drawing.draw(unpack_many(self.lent_layout, thetas), noise, effects, out)
        out += self.log_constant

    def draw_coefficients(self, thetas: np.ndarray, noise: np.ndarray, out: np.ndarray) -> None:
        """Draw the coefficients given thetas as `draw_effects` does with the same noise, without the group effects.

        Parameters
        ----------
        thetas
            Shape (n, elements).
        noise
            As for `draw_effects`, (n, effects). Its last columns, of the tail, are replaced by u; the others are left.
        out
            Log density of each theta, (n,).
        """
        tail = self.for_draws[0].tail
        last = np.ascontiguousarray(noise[:, noise.shape[1] - tail.columns - tail.common :])
        self._drawing_coefficients.draw(unpack_many(self.lent_layout, thetas), last, last, out)
        noise[:, noise.shape[1] - last.shape[1] :] = last
        out += self.log_constant

    def compile(self) -> None:
        """Compile the kernels of densities and draws that are not on disk yet, side by side if possible.

        The one with most code is compiled here: another process imports the package first.
        """
        drawing, density = self._drawing, self._density
        small = [(unpack_many, (self.lent_layout.kind, _ROWS)), (tail_kernel, TAIL_ARGUMENTS)]
        other = [] if density.kernel is drawing.kernel else [(density.kernel, density.arguments)]
        with compiled_elsewhere(small, other):
            drawing.kernel.compile(drawing.arguments)

    def awaits_compilation(self) -> bool:
        """Whether `compile` has something to do."""
        return any(map(awaits_compilation, (unpack_many, tail_kernel, self._density.kernel, self._drawing.kernel)))

    @cached_property
    def _density(self) -> BoundKernel:
        """The kernel of `log_densities`."""
        density, (system, _, nest) = self.arrangement.density, self.for_draws
        if self._has_nest_for_density:
            return bind_nested(system, nest, self._factors)
        return bind_by_level(density, density.leaf, self._factors)

    @property
    def _has_nest_for_density(self) -> bool:
        """Whether densities are evaluated with levels side by side."""
        return nest_is_faster(self.for_draws[2], self.arrangement.density.leaf)

    @cached_property
    def _drawing(self) -> BoundKernel:
        """The kernel of `draw_effects`."""
        system, leaf, nest = self.for_draws
        if nest.leaf.gram.shape[2] > 0:
            return bind_nested(system, nest, self._factors)
        return bind_by_level(system, leaf, self._factors)

    @cached_property
    def _drawing_coefficients(self) -> BoundKernel:
        """The kernel of `draw_coefficients`."""
        return self._drawing.without_effects()

    @property
    def _factors(self) -> Factors:
        factors = self.design.factors
        levels = np.array([factors[f].n_levels for f in self.arrangement.order], np.int64)
        return self.layout.effects, levels, self.normals


def build_marginal(
    design: Design, priors: PriorSet, known: Accumulated | None = None, *, branch_from: int = BRANCH_FROM
) -> Marginal:
    """Build the marginal of a design: common columns with a normal prior are integrated out, the others stay in theta.

    Parameters
    ----------
    design, priors
        From `build_design` and `resolve_priors`.
    known
        Moments of the design's rows, if they are known already.
    branch_from
        See `arrange`.
    """
    rows = Accumulated.of(design) if known is None else known
    units, moments = rows.units, rows.moments
    columns = columns_of(coefficient_prior(design, priors), units)
    integrated, means = integrated_columns(columns, moments)
    residual = design.se is None
    return _assemble(design, priors, units, moments, columns, integrated, means, branch_from, residual=residual)


def build_weighted(
    design: Design, priors: PriorSet, units: Units, moments: Moments, *, branch_from: int = BRANCH_FROM
) -> Marginal:
    """Build the marginal of a working response whose rows have known variances, of which `moments` are weighted.

    theta has no residual sd, and the priors of a family's own parameters play no part.
    """
    columns = columns_of(coefficient_prior(design, priors), units)
    integrated, known = integrated_columns(columns, moments)
    return _assemble(
        design, priors, units, moments, columns, integrated, known, branch_from, residual=False, jointly=False
    )


def build_flat(
    design: Design, priors: PriorSet, moments: Moments, *, integrate: bool, weighted: Units | None = None
) -> Marginal:
    """Build the marginal for likelihood methods: common columns in theta (ML), or flat and integrated out (REML).

    Priors must be normal for common columns and on the log scale for sds, as the defaults are.

    Parameters
    ----------
    weighted
        The units of a working response whose rows have known variances, of which `moments` are weighted; None for the
        response itself.
    """
    units = choose_units(design) if weighted is None else weighted
    integrated = np.full(len(design.common.coefs), integrate)
    none = np.zeros(len(integrated))
    columns = columns_of(coefficient_prior(design, priors), units)
    residual = design.se is None and weighted is None
    jointly = weighted is None
    marginal = _assemble(
        design, priors, units, moments, columns, integrated, none, BRANCH_FROM, residual=residual, jointly=jointly
    )
    ones = np.ones_like(marginal.normals.sd)
    return replace(marginal, normals=Normals(ones, 0 * ones, 0 * ones))


def _assemble(
    design: Design,
    priors: PriorSet,
    units: Units,
    moments: Moments,
    columns: Columns,
    integrated: np.ndarray,
    known: np.ndarray,
    branch_from: int,
    *,
    residual: bool,
    jointly: bool = True,
) -> Marginal:
    rotations = find_rotations(moments, [factor.root for factor in design.factors], jointly=jointly)
    if not np.array_equal(columns.turn, np.eye(len(columns.turn))):
        moments = moments.turned(columns.turn)
    arrangement = arrange(rotate(moments.less(known), rotations), integrated, branch_from=branch_from)
    layout, elements = lay_out_theta(
        design,
        priors,
        units,
        arrangement.order,
        has_branch=arrangement.has_branch,
        coefficients=columns.priors,
        taken_off=columns.taken_off,
        integrated=integrated,
        residual=residual,
    )
    return Marginal(
        design,
        units,
        arrangement,
        columns.turn,
        layout,
        normals_of(columns, integrated, known),
        known[integrated],
        integrated,
        elements,
        moments.log_jacobian - moments.rows * np.log(units.unit),
        rotations,
    )
