"""Relatives to test with: half-sib families, and a table of traits in which K is at work."""

import numpy as np
import pandas as pd


def sib_matrix(families=10, size=6, share=0.5):
    """1 on the diagonal, `share` within a family, 0 elsewhere; levels a0, a1, ..."""
    family = np.repeat(np.arange(families), size)
    matrix = np.where(family[:, None] == family[None, :], share, 0.0) + (1 - share) * np.eye(len(family))
    labels = [f"a{k}" for k in range(len(family))]
    return pd.DataFrame(matrix, index=labels, columns=labels)


def traits(kinship, *, sd, sigma, rows, seed, absent=0):
    """`rows` traits of all levels but the last `absent`: y = 3 + x + b + noise; also unrelated litters of sd 1."""
    rng = np.random.default_rng(seed)
    n = len(kinship)
    b = sd * np.linalg.cholesky(kinship.to_numpy()) @ rng.normal(size=n)
    seen = n - absent
    level = np.concatenate([np.arange(seen), rng.integers(0, seen, rows - seen)])
    x, litter = rng.normal(size=rows), rng.integers(0, 7, rows)
    y = 3 + x + b[level] + rng.normal(size=7)[litter] + sigma * rng.normal(size=rows)
    return pd.DataFrame({"animal": kinship.index.to_numpy()[level], "litter": litter, "x": x, "y": y}), b
