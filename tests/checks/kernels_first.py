"""Compile kernels once, while the workers collect tests: otherwise each worker would compile the same kernels."""

import os
import subprocess
import sys
from pathlib import Path

import partialpool

HALVES = (
    """
import numpy as np
import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.model.default_priors import resolve_priors

formula, data = "Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff")
design = build_design(pp.ModelSpec.from_formula(formula), data)
marginal = build_marginal(design, resolve_priors(design))
marginal.gradient(np.zeros(marginal.size))
pp.maximum_likelihood(formula, data)
pp.maximum_likelihood("y ~ 1 + (1 | g)", {"y": [1, 2, 0, 3], "g": [1, 1, 2, 2]}, family="poisson")
""",
    """
import partialpool as pp

few = {"draws": 2, "tune": 20, "chains": 1, "seed": 1, "progressbar": False}
pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), engine="nuts", **few)
""",
)
"""Two programs, a minute each: the kernels of the Gaussian model and of likelihoods, and those of all other models."""
LAST_OF_EACH = ("level_integrals.integrate_levels", "compiled_density._density")
"""The kernels that these programs compile last."""


def are_kept() -> bool:
    """Return whether machine code on disk is newer than every source file: a guess, without importing the kernels."""
    package = Path(partialpool.__file__).parent
    kept = Path(os.environ.get("NUMBA_CACHE_DIR") or package)
    newest = max(path.stat().st_mtime for path in package.rglob("*.py"))
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    return all(
        any(index.stat().st_mtime > newest for index in kept.rglob(f"{name}-*.{version}.nbi")) for name in LAST_OF_EACH
    )


def start() -> list[subprocess.Popen]:
    """Start to compile the kernels that are not on disk."""
    if are_kept():
        return []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [subprocess.Popen([sys.executable, "-W", "ignore", "-c", half], env=os.environ, **quiet) for half in HALVES]
