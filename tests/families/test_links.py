"""Every link: its inverse, its slopes, its equivalent in PyTensor, and its means and covariances over normals."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from checks.quadrature import by_quadrature
from partialpool.errors import DataError
from partialpool.families.link import ProbabilityLink
from partialpool.families.links import LINKS

ETA = np.array([0.05, 0.3, 0.9, 1.7, 2.4])
SIGNED = np.array([-2.4, -1.1, -0.2, 0.4, 1.3])
EVERY = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
OF_PROBABILITIES = pytest.mark.parametrize(
    "link", [link for link in LINKS.values() if isinstance(link, ProbabilityLink)], ids=lambda link: link.name
)


@EVERY
def test_forward_is_the_inverse_of_inverse(link):
    assert link.forward(link.inverse(ETA)) == pytest.approx(ETA)


@EVERY
def test_slopes_are_those_of_differences(link):
    step = 1e-6
    difference = (link.inverse(ETA + step) - link.inverse(ETA - step)) / (2 * step)
    assert link.slope(ETA) == pytest.approx(difference, rel=1e-6)
    assert link.forward_slope(link.inverse(ETA)) == pytest.approx(1 / difference, rel=1e-6)


@EVERY
def test_pytensor_gives_the_same_values(link):
    eta = pt.dvector("eta")
    outputs = [link.tensor_inverse(eta, pt)]
    if isinstance(link, ProbabilityLink):
        outputs.append(link.tensor_forward(link.tensor_inverse(eta, pt), pt))
    found = pytensor.function([eta], outputs, mode="FAST_COMPILE")(ETA)
    assert found[0] == pytest.approx(link.inverse(ETA))
    assert all(back == pytest.approx(ETA) for back in found[1:])


@OF_PROBABILITIES
def test_log_probabilities_are_those_of_the_inverse(link):
    assert link.log_success(SIGNED) == pytest.approx(np.log(link.inverse(SIGNED)))
    assert link.log_failure(SIGNED) == pytest.approx(np.log1p(-link.inverse(SIGNED)))
    assert np.isfinite(link.log_success(np.array([-300.0]))).all()
    assert link.is_symmetric == np.allclose(link.inverse(-SIGNED), 1 - link.inverse(SIGNED))


@EVERY
def test_means_and_covariances_over_normals_are_those_of_quadrature(link):
    """By adaptive quadrature, with a rule of 120 nodes inside for the square; the inverse link has no such means."""
    if link.name == "inverse":
        with pytest.raises(DataError, match="does not exist under the inverse link"):
            link.mean_over_normal(ETA, ETA)
        assert not link.has_closed_mean
        return
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    for eta, shared, spread in ((0.3, 0.5, 0.9), (-0.8, 0.2, 0.2), (1.0, 0.0, 0.7)):
        rest = spread - shared

        def inner(w, rest=rest):
            return link.inverse(w + np.sqrt(rest) * nodes) @ weights / weights.sum()

        mean = by_quadrature(link.inverse, eta, np.sqrt(spread))
        square = by_quadrature(lambda w: float(inner(w) ** 2), eta, np.sqrt(shared))
        arrays = [np.array([value]) for value in (eta, shared, spread)]
        assert link.mean_over_normal(arrays[0], arrays[2])[0] == pytest.approx(mean, rel=1e-7)
        assert link.covariance_over_normal(*arrays)[0] == pytest.approx(square - mean**2, abs=1e-7)
        if link.has_closed_mean:
            assert link.population_mean(arrays[0], arrays[2])[0] == pytest.approx(mean, rel=1e-7)
