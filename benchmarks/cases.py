"""The models that are timed: a table, a formula, and the columns of the table that are labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
    )
}
THREE = ("sleepstudy", "exam", "radon")
