"""A table with responses of every kind of censoring."""

import numpy as np
import pandas as pd


def censored_table(rows=60, levels=6, seed=3):
    """Return positive responses y, x, g, a status of every kind and upper ends y2, missing where they play no part."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "y": rng.lognormal(0, 0.6, rows),
            "x": rng.normal(size=rows),
            "g": [f"g{i}" for i in rng.integers(0, levels, rows)],
            "status": rng.permutation(np.resize(["none", "right", "left", "interval"], rows)),
        }
    )
    table["y2"] = (table["y"] * rng.uniform(1.2, 3.0, rows)).where(table["status"] == "interval")
    return table
