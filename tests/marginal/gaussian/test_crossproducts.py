import numpy as np
import pytest

from marginal.gaussian.oracle import dense_effects, problem, table
from partialpool.errors import SpecError
from partialpool.marginal.gaussian.crossproducts import collect_moments
from partialpool.marginal.gaussian.standardise import choose_units


@pytest.fixture(scope="module")
def design():
    return problem("y ~ x + w + (x | a) + (1 | outer/inner) + (0 + v | c)", table("unbalanced"))[0]


def flat(moments):
    parts = [moments.common, *moments.own, *moments.dense]
    return [*parts, *(c.values for row in moments.couplings for c in row)]


def test_moments_are_the_cross_products(design):
    units = choose_units(design)
    moments = collect_moments(design, units)
    z = [
        values.reshape(design.n_rows, f.n_levels, -1)
        for values, f in zip(dense_effects(design), design.factors, strict=True)
    ]
    standard = [
        u.of(values) * (values.sum(axis=2, keepdims=True) != 0) for values, u in zip(z, units.factors, strict=True)
    ]
    x = np.column_stack([np.ones(design.n_rows), units.standard_columns(design.common.values)])
    assert x.T @ x == pytest.approx(design.n_rows * np.eye(x.shape[1]), abs=1e-9)
    y = (design.response.values - units.location) / units.unit
    xy = np.column_stack([x, y])
    assert moments.rows == design.n_rows
    assert moments.common == pytest.approx(xy.T @ xy)
    for f, own in enumerate(standard):
        assert moments.own[f] == pytest.approx(np.einsum("nja,njb->jab", own, own), abs=1e-9)
        assert moments.dense[f] == pytest.approx(np.einsum("nja,nb->jab", own, xy), abs=1e-9)
        for g in range(f + 1, len(standard)):
            whole = np.einsum("nja,nkb->jkab", own, standard[g])
            pairs = moments.coupling(f, g)
            sparse = np.zeros_like(whole)
            sparse[pairs.first, pairs.second] = pairs.values
            assert sparse == pytest.approx(whole, abs=1e-9)
            other = moments.coupling(g, f)
            assert sparse[other.second, other.first] == pytest.approx(other.values.transpose(0, 2, 1))
            assert np.all(np.diff(other.first * 1000 + other.second) > 0)


def test_chunks_add_up_to_the_whole(design):
    units = choose_units(design)
    whole = collect_moments(design, units)
    chunks = [collect_moments(design, units, slice(a, a + 17)) for a in range(0, design.n_rows, 17)]
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    assert total.rows == whole.rows
    assert total.log_jacobian == pytest.approx(whole.log_jacobian)
    for a, b in zip(flat(total), flat(whole), strict=True):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-10)
    for row, wanted in zip(total.couplings, whole.couplings, strict=True):
        for a, b in zip(row, wanted, strict=True):
            assert a.first.tolist() == b.first.tolist()
            assert a.second.tolist() == b.second.tolist()


def test_an_empty_chunk_adds_nothing(design):
    units = choose_units(design)
    whole = collect_moments(design, units)
    total = whole + collect_moments(design, units, slice(0, 0))
    assert all((a == b).all() for a, b in zip(flat(total), flat(whole), strict=True))


def test_moments_of_other_designs_are_refused(design):
    other = problem("y ~ x + (1 | a)", table("unbalanced"))[0]
    with pytest.raises(SpecError, match="different designs do not add up"):
        collect_moments(design, choose_units(design)) + collect_moments(other, choose_units(other))
