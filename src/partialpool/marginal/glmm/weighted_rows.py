"""Rows of a generalised model, and the normal model that stands in for them near a linear predictor.

At eta, with u = d log p / d eta and W = -d^2 log p / d eta^2 (or its expectation) of every row, the working response
eta + u / W has known variances 1 / W. Given theta it is a normal model, whose conditional mean is a Newton step, and
whose conditional covariance is that of Laplace's approximation (Breslow & Clayton 1993, J. Am. Stat. Assoc. 88:9).
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.crossproducts import Moments, weighted_moments
from partialpool.marginal.gaussian.marginal import Marginal, build_weighted
from partialpool.marginal.gaussian.standardise import Units, choose_units
from partialpool.model.prior_set import PriorSet

__all__ = ["Rows", "collect_rows", "link_units", "stand_in", "working_moments"]


class Rows(NamedTuple):
    """Columns and responses as the kernels read them.

    Attributes
    ----------
    y, known
        Responses, (rows,); trials, known standard errors or what is known of each row, as the family's row kernel reads
        it: nothing, (rows,), or several numbers for each row, one row after the other.
    start
        The part of the linear predictor that has no coefficient: offset and location, (rows,).
    columns
        Columns of the fixed effects, integrated ones first, (coefs, rows).
    effects
        Columns of every membership, factor by factor in elimination order, (memberships, most effects, rows). A factor
        has one membership, or as many as a row has levels at most: the columns are multiplied by the level's weight.
    places
        Position of the first effect of each row's level among all effects, (memberships, rows).
    spans
        Effects of every membership, (memberships,).
    widths, levels
        Effects and levels of every factor, (factors,).
    """

    y: np.ndarray
    known: np.ndarray
    start: np.ndarray
    columns: np.ndarray
    effects: np.ndarray
    places: np.ndarray
    spans: np.ndarray
    widths: np.ndarray
    levels: np.ndarray


def link_units(design: Design) -> Units:
    """Choose units as the normal marginal does; a location is taken off where the linear predictor is the mean."""
    units = choose_units(design)
    return units if design.spec.link_record.is_identity else replace(units, location=0.0)


def stand_in(
    design: Design, priors: PriorSet, units: Units, eta: np.ndarray, slope: np.ndarray, information: np.ndarray
) -> Marginal:
    """Build the normal marginal of the working response at a linear predictor.

    Parameters
    ----------
    eta
        The linear predictor, offset counted, (rows,).
    slope, information
        u and W of each row, (rows,).
    """
    return build_weighted(design, priors, units, working_moments(design, units, eta, slope, information))


def working_moments(
    design: Design, units: Units, eta: np.ndarray, slope: np.ndarray, information: np.ndarray
) -> Moments:
    """Collect the moments of the working response at a linear predictor; parameters are those of `stand_in`."""
    offset = 0.0 if design.offset is None else design.offset
    y = (eta + slope / information - offset - units.location) / units.unit
    return weighted_moments(design, units, y, np.sqrt(information) * units.unit)


def collect_rows(marginal: Marginal, y: np.ndarray, known: np.ndarray) -> Rows:
    """Collect the rows of a design as the kernels read them, columns scaled by the response's unit.

    Parameters
    ----------
    marginal
        The normal marginal that stands in: it says in which order factors and columns are eliminated.
    y, known
        As in `Rows`.
    """
    design, units = marginal.design, marginal.units
    columns = units.whole_columns(design.common.values) @ marginal.turn
    columns = np.concatenate([columns[:, marginal.integrated], columns[:, ~marginal.integrated]], axis=1)
    order = marginal.arrangement.order
    factors = [design.factors[f] for f in order]
    most = max((len(f.names) for f in factors), default=1)
    memberships = [factor.memberships for factor in factors]
    total = sum(map(len, memberships))
    effects = np.zeros((total, most, design.n_rows))
    places, spans = np.zeros((total, design.n_rows), np.int64), np.zeros(total, np.int64)
    first = at = 0
    for f, factor, own in zip(order, factors, memberships, strict=True):
        q = len(factor.names)
        values = units.factors[f].of(factor.values).T * units.unit
        if factor.stretch is not None:
            values = values * factor.of_rows(factor.stretch)
        for level, weight in own:
            effects[at, :q], places[at], spans[at] = values * weight, first + level * q, q
            at += 1
        first += factor.n_levels * q
    offset = np.zeros(design.n_rows) if design.offset is None else design.offset
    return Rows(
        y,
        known,
        offset + units.location,
        np.ascontiguousarray(columns.T) * units.unit,
        effects,
        places,
        spans,
        np.array([len(f.names) for f in factors], np.int64),
        np.array([f.n_levels for f in factors], np.int64),
    )
