"""Kernels compiled in other processes."""

import subprocess
import sys

import pytest

from partialpool import compile_side_by_side
from partialpool.compile_side_by_side import compiled_elsewhere
from partialpool.marginal.gaussian.given_theta import nested_given_theta
from partialpool.marginal.gaussian.tail_kernel import tail_kernel

JOB = (nested_given_theta, ())

ELSEWHERE = """
import numba as nb
import numpy as np
from partialpool import compile_side_by_side
from partialpool.kernels import awaits_compilation
from partialpool.marginal.glmm.axes import axes_about, places_along
compile_side_by_side._can_help = lambda: True  # also where there is one processor
axes, points = axes_about(np.zeros(2), np.eye(2)), np.ones((3, 2))
assert awaits_compilation(places_along)
with compile_side_by_side.compiled_elsewhere([(places_along, (nb.typeof(axes), nb.typeof(points)))]):
    assert awaits_compilation(places_along)
assert not places_along.signatures
assert not awaits_compilation(places_along)
assert np.array_equal(places_along(axes, points), points)
[hits] = places_along.stats.cache_hits.values()
assert hits == 1
"""


@pytest.mark.thorough
def test_a_kernel_is_on_disk_when_the_block_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, timeout=300)


@pytest.fixture
def started(monkeypatch):
    """Processes in place of those that compile: what they run can be chosen by `program`."""
    found, program = [], ["pass"]

    def start(jobs, running):
        found.append(subprocess.Popen([sys.executable, "-c", program[0]]))
        running.append(found[-1])

    monkeypatch.setattr(compile_side_by_side, "_can_help", lambda: True)
    monkeypatch.setattr(compile_side_by_side, "awaits_compilation", lambda kernel: True)
    monkeypatch.setattr(compile_side_by_side, "_start", start)
    return found, program


@pytest.fixture
def helpful(monkeypatch):
    """Processes are started for kernels whether or not they are on disk."""
    monkeypatch.setattr(compile_side_by_side, "_can_help", lambda: True)
    monkeypatch.setattr(compile_side_by_side, "awaits_compilation", lambda kernel: True)


@pytest.mark.parametrize("executable", ["/no/such/python", "/bin/false"])
def test_a_process_that_cannot_start_or_ends_at_once_is_no_error(executable, helpful, monkeypatch):
    monkeypatch.setattr(compile_side_by_side.sys, "executable", executable)
    for _ in range(5):
        with compiled_elsewhere([JOB], [JOB]):
            pass


def test_files_of_the_working_directory_are_not_run(helpful, tmp_path, monkeypatch):
    """Python looks for modules there first, unless it is told not to."""
    for name in ("numba", "queue", "pickle"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compile_side_by_side.sys, "path", [p for p in sys.path if p])
    with compiled_elsewhere([JOB]):
        pass
    assert not (tmp_path / "run").exists()


def test_one_thread_means_one_process(monkeypatch):
    monkeypatch.setenv("PARTIALPOOL_NUM_THREADS", "1")
    assert not compile_side_by_side._can_help()


def test_what_another_process_cannot_compile_is_left_to_this_one(started):
    processes, program = started
    program[0] = "raise SystemExit(3)"
    with compiled_elsewhere([JOB], [JOB]):
        pass
    assert [process.returncode for process in processes] == [3, 3]


def test_each_share_is_compiled_by_one_process_without_what_is_on_disk(monkeypatch):
    monkeypatch.setattr(compile_side_by_side, "_can_help", lambda: True)
    monkeypatch.setattr(compile_side_by_side, "awaits_compilation", lambda kernel: kernel is nested_given_theta)
    started = []
    monkeypatch.setattr(compile_side_by_side, "_start", lambda jobs, running: started.append(jobs))
    first, second, third = JOB, (nested_given_theta, (1,)), (tail_kernel, ())
    with compiled_elsewhere([first, third, second], [third], [second]):
        pass
    assert started == [[first, second], [second]]


def test_an_interrupt_ends_the_processes(started):
    processes, program = started
    program[0] = "import time; time.sleep(600)"

    def interrupted():
        with compiled_elsewhere([JOB]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert processes[0].returncode != 0


def test_nothing_is_started_for_kernels_on_disk_or_where_processes_cannot_help(started, monkeypatch):
    processes, _ = started
    monkeypatch.setattr(compile_side_by_side, "awaits_compilation", lambda kernel: False)
    with compiled_elsewhere([JOB]):
        pass
    monkeypatch.setattr(compile_side_by_side, "awaits_compilation", lambda kernel: True)
    monkeypatch.setattr(compile_side_by_side, "_can_help", lambda: False)
    with compiled_elsewhere([JOB]):
        pass
    assert processes == []


@pytest.mark.parametrize(
    ("executable", "cores", "helps"),
    [("/usr/bin/python3", 2, True), ("/usr/bin/python3", 1, False), ("/opt/host/editor", 2, False), (None, 2, False)],
)
def test_only_python_on_several_processors_helps(executable, cores, helps, monkeypatch):
    """A program that has Python inside would start itself once more."""
    monkeypatch.setattr(compile_side_by_side.sys, "executable", executable)
    monkeypatch.delenv("PARTIALPOOL_NUM_THREADS", raising=False)
    monkeypatch.setattr(compile_side_by_side, "cores_allowed", lambda: cores)
    assert compile_side_by_side._can_help() == helps
