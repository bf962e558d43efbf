"""The posterior of a generalised model in coordinates that follow theta, ready to evaluate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numba as nb
import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.families.row_kernels.by_row import (
    BY_ROW_ARGUMENTS,
    EACH_ARGUMENTS,
    LESS_PREDICTOR,
    LINK_CODES,
    SAME_IN_ALL_ROWS,
    rows_by_row,
)
from partialpool.families.row_kernels.load import RowKernels, load_censored_row_kernels, load_row_kernels
from partialpool.families.row_kernels.within_bounds import known_of_rows
from partialpool.kernel_address import CFunction, address_of
from partialpool.lent_record import LentRecord, lend, lent_type
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.nested_order import AT_ONCE, arrange_by_level
from partialpool.marginal.gaussian.recover import Recovered, in_units_of_data
from partialpool.marginal.glmm.axes import Axes, axes_about, places_along
from partialpool.marginal.glmm.compiled_density import compile_density, compiled_density
from partialpool.marginal.glmm.density import (
    evaluate,
    write_effects,
)
from partialpool.marginal.glmm.heavy_effects import collect_heavy, stretch_of
from partialpool.marginal.glmm.information_scale import InformationScale
from partialpool.marginal.glmm.kinship_turn import collect_turns
from partialpool.marginal.glmm.own_parameters import Own
from partialpool.marginal.glmm.problem import Problem
from partialpool.marginal.glmm.row_density import ROWS_ARGUMENTS, ByRow, RowDensity
from partialpool.marginal.glmm.weighted_rows import Rows, collect_rows
from partialpool.model.prior_scales import predictor_scales
from partialpool.names import nu_name
from partialpool.workers import map_pieces, piece_size

__all__ = ["Posterior", "Response", "read_response"]


@dataclass(frozen=True, eq=False)
class Response:
    """The response of a design with its family's row kernels.

    Attributes
    ----------
    y, known
        As the row kernels read them.
    start
        Linear predictors to begin with, (predictors x rows,): the link of responses moved off the edges, or 0 beside
        cutpoints; the medians of the priors of parameters that have predictors.
    kernels
        The family's.
    links
        By parameter, the code of the link of its predictor, (k,); None where the mean alone has a predictor.
    """

    y: np.ndarray
    known: np.ndarray
    start: np.ndarray
    kernels: RowKernels
    links: np.ndarray | None = None

    @cached_property
    def constant(self) -> float:
        """What the row kernels leave out of the log density."""
        return float(self.kernels.constant(self.y, self.known))

    def take(self, index: np.ndarray) -> "Response":
        """Return the response of some of the rows, by position."""
        known, start = self.known.reshape(len(self.y), -1)[index], self.start.reshape(-1, len(self.y))
        return replace(self, y=self.y[index], known=known.ravel(), start=start[:, index].ravel())

    def log_density(self, eta: np.ndarray, own: np.ndarray) -> float:
        """Evaluate the log density of all rows, up to the constant."""
        return self._evaluate(eta, own)[0]

    def curvature(self, eta: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate d log p / d eta of each row, and its information, (rows,) each."""
        return self._evaluate(eta, own)[1:]

    def _evaluate(self, eta: np.ndarray, own: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        slope, information = np.empty(len(eta)), np.empty(len(eta))
        given = (self.y, self.known, eta, own, slope, information, np.empty(len(own)))
        log_p = self.kernels.rows(*given) if self.links is None else rows_by_row(*self._each, *given)
        return float(log_p), slope, information

    @cached_property
    def _each(self) -> tuple[int, np.ndarray]:
        """The address of the kernel of rows with several predictors, and the links of these."""
        if self.links is None:
            return 0, np.zeros(0, np.int64)
        return address_of(self.kernels.each, EACH_ARGUMENTS, nb.types.float64), self.links

    @property
    def row_density(self) -> RowDensity:
        """How other kernels evaluate the rows."""
        address = 0 if self.links is None else address_of(rows_by_row, BY_ROW_ARGUMENTS, nb.types.float64)
        rows = address_of(self.kernels.rows, ROWS_ARGUMENTS, nb.types.float64)
        return RowDensity(rows, ByRow(address, *self._each))


def read_response(design: Design) -> Response:
    """Read a design's response as its family's row kernels do."""
    response, family, link = design.response.within_bounds, design.spec.family_record, design.spec.link_record
    known = np.zeros(0)
    if response.trials is not None:
        known = np.array(response.trials, float)
    elif design.se is not None:
        known = np.array(design.se, float)
    elif response.is_bounded:
        bounds = None if response.truncation is None else (response.truncation.low, response.truncation.high)
        known = known_of_rows(response.other_ends, bounds)
    y = np.array(response.values, dtype=float, order="C")  # kernels take arrays that can be written to
    if family.has_cutpoints:
        start = np.zeros(y.shape)
    else:
        mean = np.broadcast_to(family.starting_mean(link, response.middles, response.n_trials), y.shape)
        start = np.log(mean) if family.on_log_scale else link.forward(mean)
    links = None
    if design.parameters:
        others = [_starting_parameter(design, name) for name in design.parameters]
        start = np.concatenate([start, *others])
        codes = [
            LINK_CODES[family.link_of(name).name] if name in design.parameters else SAME_IN_ALL_ROWS
            for name in design.parameter_names
        ]
        links = np.array([LESS_PREDICTOR] * len(design.thresholds) or codes, np.int64)
    load = load_censored_row_kernels if response.is_bounded else load_row_kernels
    return Response(y, known, np.ascontiguousarray(start, dtype=float), load(family, link.name), links)


def _starting_parameter(design: Design, name: str) -> np.ndarray:
    """Return the predictor of a parameter to begin with, (rows,): the prior's median, and its offset."""
    offset = design.parameters[name].offset
    return np.full(design.n_rows, predictor_scales(design, name).location) + (0.0 if offset is None else offset)


@dataclass(frozen=True, eq=False)
class Posterior:
    """log p(theta, own, e | y) up to p(y): theta and the family's own parameters on the real line, noise e.

    As a `Target` it is the density of z at e = 0, z being (theta, own) itself unless axes are given. About the working
    response of a linear predictor that is Laplace's approximation of their posterior, up to a constant, with the
    weights held.

    Attributes
    ----------
    stand_in
        The normal marginal whose conditional draw maps noise to effects.
    response, own
        The response, and the family's own parameters.
    information
        How the rows' information grows with the own parameters.
    rows
        The rows, as the kernels read them.
    axes
        The map from z, which is what is evaluated at, to (theta, own).
    """

    stand_in: Marginal
    response: Response
    own: Own
    information: InformationScale
    rows: Rows
    axes: Axes

    @classmethod
    def of(cls, stand_in: Marginal, information: InformationScale, response: Response, own: Own) -> "Posterior":
        """Put a stand-in and a response together; z is (theta, own) itself."""
        size = stand_in.size + own.estimated
        rows = collect_rows(stand_in, response.y, response.known)
        return cls(stand_in, response, own, information, rows, axes_about(np.zeros(size), np.eye(size)))

    def about(self, stand_in: Marginal, information: InformationScale) -> "Posterior":
        """Return the same about another linear predictor.

        Raises
        ------
        ValueError
            The stand-in there has another order of elimination, on which the rows' places depend.
        """
        if stand_in.arrangement.order != self.stand_in.arrangement.order:
            raise ValueError("the order of elimination must not depend on the linear predictor")
        rows = collect_rows(stand_in, self.response.y, self.response.known) if self.own.nu else self.rows
        return replace(self, stand_in=stand_in, information=information, rows=rows)

    def along(self, axes: Axes) -> "Posterior":
        """Return the same with (theta, own) along other axes."""
        return replace(self, axes=axes)

    def from_axes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map z (draws, elements) to theta and the own parameters' places on the real line."""
        both = places_along(self.axes, np.ascontiguousarray(z))
        return np.ascontiguousarray(both[:, : self.stand_in.size]), both[:, self.stand_in.size :]

    @property
    def size(self) -> int:
        """Elements of theta and of the family's own parameters together."""
        return self.stand_in.size + self.own.estimated

    @property
    def noise_size(self) -> int:
        """Elements of the noise: group effects, and fixed effects with a normal prior."""
        effects = sum(f.n_levels * len(f.names) for f in self.stand_in.design.factors)
        return int(effects + self.stand_in.arrangement.density.tail.common)

    @property
    def log_sds(self) -> np.ndarray:
        """Positions in theta of the group sds that are on the log scale."""
        return self.stand_in.log_sds

    @property
    def partial_correlations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions of the atanh partial correlations, and of the log sds of the two effects of each."""
        return self.stand_in.partial_correlations

    @property
    def work(self) -> float:
        """Multiplications of one evaluation, roughly."""
        rows = self.rows
        return 3 * self.stand_in.arrangement.work + len(rows.start) * (20.0 + len(rows.columns) + rows.spans.sum())

    @property
    def is_cheap(self) -> bool:
        """Whether a density is evaluated in microseconds: never, since every row is visited."""
        return False

    @property
    def has_cheap_gradient(self) -> bool:
        """Whether a gradient costs less than differences of the log density: always, since it comes with it."""
        return True

    @cached_property
    def problem(self) -> LentRecord:
        """The same as the kernel reads it."""
        normal = self.stand_in
        system, nest = arrange_by_level(normal.arrangement, AT_ONCE)
        given = Problem(
            system,
            nest,
            normal.layout,
            normal.normals,
            normal.known,
            self.own.priors,
            self.rows,
            collect_turns(self.stand_in),
            collect_heavy(self.stand_in, self.own.nu_priors),
            self.information,
            self.response.constant,
            self.response.row_density,
            0,
            0,
            self.axes,
        )
        forward, backward = compile_density(lent_type(given), nested=nest.leaf.gram.shape[2] > 0)
        return lend(given._replace(forward=forward, backward=backward))

    def densities(self, x: np.ndarray, *, workers: int) -> np.ndarray:
        """Evaluate the log density at each row of x = (z, noise), (n, size); shape (n,)."""
        values, problem, size = np.empty(len(x)), self.problem, piece_size(self.work)

        def work(start: int) -> None:
            eta, slope = np.empty(len(self.rows.start)), np.empty(x.shape[1])
            for i in range(start, min(start + size, len(x))):
                values[i] = evaluate(problem, x[i], eta, slope)

        map_pieces(work, range(0, len(x), size), workers)
        return values

    def evaluator(self) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return a function of x = (z, noise) that gives the log density and its gradient; one per thread."""
        eta, problem = np.empty(len(self.rows.start)), self.problem

        def density(x: np.ndarray) -> tuple[float, np.ndarray]:
            out = np.empty(len(x))
            return evaluate(problem, x, eta, out), out

        return density

    @property
    def c_function(self) -> CFunction:
        """The same function as `evaluator` returns, for compiled callers."""
        return compiled_density(self.problem, len(self.rows.start))

    def recover(self, x: np.ndarray, *, workers: int = 1, keep_z: bool = False) -> Recovered:
        """Map draws of x = (z, noise), (draws, size), to effects and coefficients.

        Raises
        ------
        EngineError
            The information of some draw is so large that digits are lost.
        """
        problem = self.problem

        def draw(piece: slice) -> tuple[np.ndarray, np.ndarray]:
            offsets = np.empty((piece.stop - piece.start, self.noise_size))
            effects = np.empty_like(offsets)
            write_effects(problem, x[piece], offsets, effects)
            return offsets, effects

        theta = self.from_axes(x[:, : self.size])[0]
        found = in_units_of_data(self.stand_in, theta, draw, workers=workers, keep_z=keep_z)
        if not all(np.isfinite(values).all() for values in (found.beta, *found.b)):
            raise EngineError(
                "effects cannot be drawn",
                got="draws under which the rows carry so much information that rounding errors dominate",
                allowed="a response whose dispersion is identified",
                do="use a tighter prior on the family's own parameters",
            )
        return found

    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the log density at e = 0 and its gradient, (elements,); `theta` is z."""
        value, slope = self.evaluator()(np.concatenate([theta, np.zeros(self.noise_size)]))
        return value, slope[: self.size]

    def log_densities(self, thetas: np.ndarray, *, workers: int = 1) -> np.ndarray:
        """Evaluate the log density at e = 0 of each row of thetas (n, elements), which are z; shape (n,)."""
        return np.array([self.gradient(theta)[0] for theta in thetas])

    def stretched_levels(self, z: np.ndarray) -> dict[str, np.ndarray]:
        """Return m of `heavy_effects` at the conditional mode given z, by factor; empty where there is no density."""
        x = np.concatenate([z, np.zeros(self.noise_size)])[None]
        offsets = np.empty((1, self.noise_size))
        write_effects(self.problem, x, offsets, np.empty_like(offsets))
        if not np.isfinite(offsets).all():
            return {}
        nu = self.own.named_nu(self.from_axes(z[None])[1])
        found, at = {}, 0
        for f in self.stand_in.arrangement.order:
            factor = self.stand_in.design.factors[f]
            size = factor.n_levels * len(factor.names)
            if factor.is_heavy:
                own = offsets[0, at : at + size].reshape(factor.n_levels, -1)
                found[factor.name] = stretch_of(factor, own, float(nu[nu_name(factor.name)][0]))
            at += size
        return found

    @property
    def stretches(self) -> dict[str, np.ndarray]:
        """M of `heavy_effects` in these coordinates, by factor."""
        return {f.name: f.stretch for f in self.stand_in.design.factors if f.stretch is not None}

    def linear_predictor(self, z: np.ndarray) -> np.ndarray:
        """The linear predictor at the conditional mode given z, (rows,); NaN where there is no density."""
        x = np.concatenate([z, np.zeros(self.noise_size)])
        eta = np.full(len(self.rows.start), np.nan)
        evaluate(self.problem, x, eta, np.empty(len(x)))
        return eta
