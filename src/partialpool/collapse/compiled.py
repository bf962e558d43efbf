"""How every kernel is compiled: once per machine, without the interpreter's lock, with IEEE division."""

import numba as nb

__all__ = ["kernel"]

kernel = nb.njit(cache=True, nogil=True, error_model="numpy")
"""Decorator. Kernels keep to loops over plain arrays: slices and array expressions take seconds to compile."""
