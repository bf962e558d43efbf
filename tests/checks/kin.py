"""Relatives for tests: half-sib families, and a table of traits with effects of covariance K."""

import numpy as np
import pandas as pd


def sib_matrix(families=10, size=6, share=0.5):
    """Return a matrix with 1 on the diagonal, `share` within a family and 0 elsewhere; levels a0, a1, ..."""
    family = np.repeat(np.arange(families), size)
    matrix = np.where(family[:, None] == family[None, :], share, 0.0) + (1 - share) * np.eye(len(family))
    labels = [f"a{k}" for k in range(len(family))]
    return pd.DataFrame(matrix, index=labels, columns=labels)


def traits(kinship, *, sd, sigma, rows, seed, absent=0):
    """Return `rows` traits of all levels except the last `absent`: y = 3 + x + b + litter (unrelated, sd 1) + noise."""
    rng = np.random.default_rng(seed)
    n = len(kinship)
    b = sd * np.linalg.cholesky(kinship.to_numpy()) @ rng.normal(size=n)
    seen = n - absent
    level = np.concatenate([np.arange(seen), rng.integers(0, seen, rows - seen)])
    x, litter = rng.normal(size=rows), rng.integers(0, 7, rows)
    y = 3 + x + b[level] + rng.normal(size=7)[litter] + sigma * rng.normal(size=rows)
    return pd.DataFrame({"animal": kinship.index.to_numpy()[level], "litter": litter, "x": x, "y": y}), b
