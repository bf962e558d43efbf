"""The parts of a benchmark section: its measurement, the lines of its report, and its targets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cases import SEED, Case

Result = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """Number of repetitions of a measurement, and of cores for the programs."""

    repeats: int
    cores: int

    @property
    def seeds(self) -> list[int]:
        """One seed per repetition."""
        return self.first_seeds(self.repeats)

    def first_seeds(self, most: int) -> list[int]:
        """Return at most `most` seeds, for measurements that take minutes."""
        return [SEED + count for count in range(1, 1 + min(self.repeats, most))]


@dataclass(frozen=True)
class Target:
    """A target and the measured value; `met` is None where nothing could be measured."""

    what: str
    wanted: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class Section:
    """One section: `measure` may run for minutes; `lines` and `targets` use its result."""

    name: str
    title: str
    measure: Callable[[Settings], Result]
    lines: Callable[[Result], list[str]]
    targets: Callable[[Result], list[Target]]


@contextmanager
def table_file(case: Case) -> Iterator[str]:
    """Write a case's table to a temporary file for other programs."""
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, f"{case.name}.csv")
        case.table().to_csv(path, index=False)
        yield str(path)
