"""Read a table in batches, in two passes: levels and ranges, then moments."""

import time
from collections.abc import Callable

import pyarrow as pa

from partialpool.design.streamed.batch_columns import BatchColumns, learn_batch_columns
from partialpool.design.streamed.build import build_streamed_design
from partialpool.design.streamed.dask_partitions import DaskPartitions
from partialpool.design.streamed.eligibility import check_can_stream
from partialpool.design.streamed.source import Source
from partialpool.design.streamed.streamed_design import StreamedDesign
from partialpool.design.streamed.survey import read_again, survey_source
from partialpool.design.table import Missing
from partialpool.fitting.on_cluster import cluster_of, read_on_cluster
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.streamed_identifiability import warn_not_identified_from_moments
from partialpool.marginal.gaussian.streamed_moments import StreamedMoments, accumulated_of, collect_streamed, table_sums
from partialpool.progress import ProgressLine, progress_line
from partialpool.spec.model import ModelSpec

__all__ = ["read_streamed", "rows_told"]


def read_streamed(
    spec: ModelSpec, source: Source, *, missing: Missing, progressbar: bool
) -> tuple[StreamedDesign, Accumulated]:
    """Read a table twice, and return the design and the moments of its rows.

    Parameters
    ----------
    spec
        The model.
    source
        The table.
    missing
        `drop` or `error`.
    progressbar
        Whether to show progress.

    Raises
    ------
    DataError, FileError
        The model needs its rows; the table does not fit the model, cannot be read, or changes between the passes.
    """
    check_can_stream(spec, source.name)
    spec.units.check_columns(dict.fromkeys([*spec.columns, *source.column_names]))
    with progress_line("reading the levels", shown=progressbar) as line:
        client = cluster_of(source)
        if client is not None and isinstance(source, DaskPartitions):
            columns, streamed = read_on_cluster(client, spec, source, missing=missing, say=line.say)
        else:
            columns, streamed = _read_here(spec, source, missing, line)
    pa.default_memory_pool().release_unused()  # what batches took is free for draws
    units = dict(spec.units)
    design = build_streamed_design(columns, table_sums(streamed), source.name, units)
    known = accumulated_of(streamed, design)
    warn_not_identified_from_moments(design, known)
    return design, known


def _read_here(
    spec: ModelSpec, source: Source, missing: Missing, line: ProgressLine
) -> tuple[BatchColumns, StreamedMoments]:
    """Read one batch after the other in this process."""
    total = source.count_rows()
    survey = survey_source(spec, source, missing=missing, told=rows_told(line, "reading the levels", total))
    columns = learn_batch_columns(spec, survey)
    told = rows_told(line, "adding up the moments", survey.n_given)
    return columns, collect_streamed(columns, read_again(survey, source, told))


def rows_told(line: ProgressLine, what: str, total: int | None) -> Callable[[int], None]:
    """Return a function that shows the number of rows so far, and how many there are per second."""
    begun = time.perf_counter()
    line.say(what)

    def tell(rows: int) -> None:
        rate = rows / max(time.perf_counter() - begun, 1e-9)
        line.say(f"{what}: {rows:,} rows, {rate / 1e6:.1f} million per second")
        if total:
            line.count(rows, total)

    return tell
