"""A fit of files that is killed leaves them as they were and nothing beside them; the next one reads them again."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import partialpool as pp
from checks.streamed import table, write

pytestmark = pytest.mark.thorough

FORMULA = "y ~ x + arm + (1 + x | g) + (1 | h)"
OPTIONS = {"seed": 3, "draws": 100, "progressbar": False}
KILLED = f"""
    import os, signal, sys
    import partialpool as pp
    from partialpool.design.streamed.parquet_files import ParquetFiles
    from partialpool.fitting import fit_streamed

    folder, when = sys.argv[1:]
    batches, passes = ParquetFiles.batches, 0

    def stop(*arguments, **options):
        print("killed while it made the", when, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def read(self, columns):
        global passes
        passes += 1
        for k, batch in enumerate(batches(self, columns)):
            if (when, passes, k) in (("levels", 1, 3), ("moments", 2, 3)):
                stop()
            yield batch

    ParquetFiles.batches = read
    if when == "draws":
        fit_streamed.pack = stop
    pp.fit({FORMULA!r}, folder, **{OPTIONS!r})
"""


def state_of(folder):
    """Return the bytes of every file of a folder, and when each was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("when", ["levels", "moments", "draws"])
def test_a_killed_fit_leaves_the_files_and_starts_again(when, tmp_path):
    source, elsewhere = tmp_path / "visits", tmp_path / "elsewhere"
    source.mkdir()
    elsewhere.mkdir()
    write(table(), source, files=3)
    before = state_of(source)
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(source), when],
        cwd=elsewhere,
        env={**os.environ, "TMPDIR": str(elsewhere)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stdout == f"killed while it made the {when}\n"
    assert state_of(source) == before
    assert list(elsewhere.iterdir()) == []
    again, whole = pp.fit(FORMULA, source, **OPTIONS), pp.fit(FORMULA, table(), **OPTIONS)
    for name, draws in whole.posterior.items():
        np.testing.assert_allclose(again.posterior[name], draws, rtol=0, atol=1e-5 * float(np.abs(draws).max()))
