"""Row kernels of the binomial family: y successes of `known` trials; log(n choose y) is left out."""

import numpy as np
from scipy import special

from partialpool.families.row_kernels.binary_rows import rows_cloglog, rows_logit, rows_probit
from partialpool.families.row_kernels.gamma_functions import log_poisson_at_count

__all__ = ["constant", "rows_cloglog", "rows_logit", "rows_probit"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of log(n choose y), from c(n) = n log n - n - log(n!), which is small for large counts."""
    failures = known - y
    entropy = special.xlogy(known, known) - special.xlogy(y, y) - special.xlogy(failures, failures)
    rest = log_poisson_at_count(y) + log_poisson_at_count(failures) - log_poisson_at_count(known)
    return float(np.sum(entropy + rest))
