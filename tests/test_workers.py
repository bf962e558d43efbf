"""Threads that share pieces of work: each piece is done once, the first error is raised, Ctrl-C works at any time."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from partialpool.workers import map_pieces, piece_size


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_piece_is_done_once(workers):
    seen, counts = [], []
    map_pieces(seen.append, list(range(300)), workers, done=counts.append)
    assert sorted(seen) == list(range(300))
    assert counts == sorted(counts)
    assert counts[-1] == 300


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_stops_the_others_and_is_raised(workers):
    seen = []

    def work(piece):
        seen.append(piece)
        if piece == 5:
            raise ZeroDivisionError("piece 5")

    with pytest.raises(ZeroDivisionError, match="piece 5"):
        map_pieces(work, list(range(100_000)), workers)
    assert len(seen) < 100_000
    assert not any("(work)" in thread.name for thread in threading.enumerate())


INTERRUPTS = """
import os, random, signal, threading, time
from partialpool.workers import map_pieces

signal.signal(signal.SIGINT, signal.default_int_handler)
random.seed(1)
slowest = 0.0
for _ in range(150):
    sent = []
    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(random.uniform(0.001, 0.03), send)
    try:
        timer.start()
        map_pieces(lambda piece: time.sleep(2e-5), range(20_000), 2)
        timer.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        slowest = max(slowest, time.perf_counter() - sent[0])
    else:
        raise SystemExit("not interrupted")
print(slowest)
"""


def test_ctrl_c_at_any_moment_stops_all_threads():
    done = subprocess.run([sys.executable, "-c", INTERRUPTS], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) < 1.0


def test_pieces_take_a_fraction_of_a_second():
    assert piece_size(1.0) == 512
    assert piece_size(1e9) == 2
    assert piece_size(1e30) == 1


def test_overlapping_calls_restore_the_thread_counts_of_libraries():
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    before = threads()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: map_pieces(lambda _: time.sleep(1e-3), range(20), 2), range(40)))
    assert threads() == before
