"""What every section of the benchmarks is: it measures, then says what it found as a table and against targets."""

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
    """How often to repeat a measurement, and on how many cores programs may run."""

    repeats: int
    cores: int

    @property
    def seeds(self) -> list[int]:
        """One seed per repetition."""
        return self.first_seeds(self.repeats)

    def first_seeds(self, most: int) -> list[int]:
        """At most so many of them, for what takes minutes."""
        return [SEED + count for count in range(1, 1 + min(self.repeats, most))]


@dataclass(frozen=True)
class Target:
    """What was wanted, and what came out; `met` is None where nothing could be measured."""

    what: str
    wanted: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class Section:
    """One section: `measure` runs for minutes, `lines` and `targets` read its result."""

    name: str
    title: str
    measure: Callable[[Settings], Result]
    lines: Callable[[Result], list[str]]
    targets: Callable[[Result], list[Target]]


@contextmanager
def table_file(case: Case) -> Iterator[str]:
    """Write a case's table where other programs can read it."""
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, f"{case.name}.csv")
        case.table().to_csv(path, index=False)
        yield str(path)
