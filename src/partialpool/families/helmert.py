"""Orthonormal contrasts between categories, and the differences to a reference that they make.

With e = H'u, H'H = I and H'1 = 0, independent contrasts e ~ N(0, s^2 I) have the same density in every other
orthonormal basis of contrasts: a prior of them depends neither on the reference nor on the order of the categories. Two
categories then differ by N(0, 2 s^2), and two differences to one reference have correlation 1/2.
"""

import numpy as np

__all__ = ["differences_of_contrasts", "helmert"]


def helmert(categories: int) -> np.ndarray:
    """Return H, (categories, categories - 1): contrast j compares category j with those before it.

    Examples
    --------
    >>> helmert(3).round(3).tolist()
    [[0.707, 0.408], [-0.707, 0.408], [0.0, -0.816]]
    """
    h = np.zeros((categories, categories - 1))
    for j in range(1, categories):
        h[:j, j - 1] = 1.0
        h[j, j - 1] = -j
        h[:, j - 1] /= np.sqrt(j * (j + 1))
    return h


def differences_of_contrasts(categories: int) -> np.ndarray:
    """Return M with u_k - u_0 = sum_j M_kj e_j, k = 1, ..., (categories - 1, categories - 1).

    Examples
    --------
    >>> m = differences_of_contrasts(3)
    >>> (m @ m.T).round(12).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    h = helmert(categories)
    return h[1:] - h[0]
