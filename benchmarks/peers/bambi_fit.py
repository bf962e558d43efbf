"""Fits by Bambi; runs inside Bambi's own environment, and imports nothing of this project.

The request: table (a CSV file), labels, formula, chains, draws, cores, seeds (a fit each, after one that warms the
caches); family, where it is not gaussian. The time includes building the model. The answer: versions, sampler,
runs; it is written after each run, for the case that the time does not suffice.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bambi
import numpy as np
import pandas as pd


def parameters(posterior: Any) -> dict[str, np.ndarray]:
    """Return fixed effects, group sds and sigma, each (chains, draws): everything except group effects."""
    found: dict[str, np.ndarray] = {}
    for name, values in posterior.data_vars.items():
        if "|" in name and not name.endswith("_sigma"):
            continue
        array = values.transpose("chain", "draw", ...).to_numpy()
        flat = array.reshape(*array.shape[:2], -1)
        found |= {f"{name}[{k}]": flat[:, :, k] for k in range(flat.shape[2])}
    return found


def answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the answer so far after each run."""
    labels = dict.fromkeys(request["labels"], str)
    table = pd.read_csv(request["table"], dtype=labels).astype(dict.fromkeys(labels, "category"))
    settings = {"draws": request["draws"], "chains": request["chains"], "cores": request["cores"]}
    versions = {name: version(name) for name in ("bambi", "pymc", "pytensor")}
    runs: list[dict[str, Any]] = []
    for count, seed in enumerate([0, *request["seeds"]]):
        started = time.perf_counter()
        model = bambi.Model(request["formula"], table, family=request.get("family", "gaussian"))
        data = model.fit(**settings, random_seed=seed, progressbar=False)
        seconds = time.perf_counter() - started
        attrs: dict[str, Any] = {**data.attrs, **data["posterior"].attrs}
        if count == 0:
            continue
        draws = {name: values.tolist() for name, values in parameters(data["posterior"]).items()}
        divergences = int(data["sample_stats"]["diverging"].sum())
        runs.append({"seconds": seconds, "divergences": divergences, "draws": draws})
        yield {"versions": versions, "sampler": str(attrs.get("inference_library", "pymc")), "runs": runs}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for answer in answers(json.loads(Path(sys.argv[1]).read_text())):
        part = Path(f"{sys.argv[2]}.part")
        part.write_text(json.dumps(answer))
        part.replace(sys.argv[2])
