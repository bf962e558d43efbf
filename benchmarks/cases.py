"""The models that are timed: a table, a formula, and the columns of the table that are labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
SEED = 20


@dataclass(frozen=True)
class Case:
    """One model of one table; `uncorrelated` is the same model with independent effects, where that differs."""

    name: str
    formula: str
    labels: tuple[str, ...]
    read: Callable[[], pd.DataFrame]
    uncorrelated: str | None = None

    def table(self) -> pd.DataFrame:
        """Read the columns as the model needs them: labels as text."""
        table = self.read()
        return table.astype(dict.fromkeys(self.labels, str))


def packaged(name: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        import partialpool as pp  # noqa: PLC0415 - loaded only in processes that fit

        return pp.load_dataset(name)

    return read


def _exam() -> pd.DataFrame:
    path = HERE.parent / "tests" / "reference" / "exam.csv"
    return pd.read_csv(path, usecols=["school", "normexam", "standLRT"])


def _schools() -> pd.DataFrame:
    """Simulate 20,000 pupils, each in two of 500 schools; for one in 500 both are the same."""
    rng = np.random.default_rng(SEED)
    pupils, schools = 20_000, 500
    effect, x = rng.normal(0, 1.5, schools), rng.normal(size=pupils)
    first, second = rng.integers(0, schools, (2, pupils))
    y = 3 + 0.5 * x + (effect[first] + effect[second]) / 2 + rng.normal(0, 2, pupils)
    return pd.DataFrame({"school1": first, "school2": second, "x": x, "y": y})


def _curve() -> pd.DataFrame:
    """Simulate 10,000 rows along a curve."""
    rng = np.random.default_rng(SEED)
    x = rng.uniform(0, 10, 10_000)
    return pd.DataFrame({"x": x, "y": np.sin(x) + 0.2 * x + rng.normal(0, 0.5, len(x))})


CASES = {
    case.name: case
    for case in (
        Case(
            "sleepstudy",
            "Reaction ~ Days + (Days | Subject)",
            ("Subject",),
            packaged("sleepstudy"),
            "Reaction ~ Days + (Days || Subject)",
        ),
        Case(
            "exam",
            "normexam ~ standLRT + (standLRT | school)",
            ("school",),
            _exam,
            "normexam ~ standLRT + (standLRT || school)",
        ),
        Case(
            "radon",
            "log_radon ~ floor + log_uranium + (floor | county)",
            ("county",),
            packaged("radon"),
            "log_radon ~ floor + log_uranium + (floor || county)",
        ),
        Case(
            "insteval",
            "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
            ("s", "d", "dept", "service"),
            lambda: pd.read_csv(HERE / "data" / "insteval.csv.gz"),
        ),
        # Small and crossed: it compiles the kernels that insteval needs.
        Case(
            "penicillin",
            "diameter ~ 1 + (1 | plate) + (1 | sample)",
            ("plate", "sample"),
            packaged("penicillin"),
        ),
        Case("schools", "y ~ x + (1 | mm(school1, school2))", ("school1", "school2"), _schools),
        Case("curve", "y ~ s(x, k=10)", (), _curve),
    )
}
THREE = ("sleepstudy", "exam", "radon")
