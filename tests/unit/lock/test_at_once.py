"""Many things at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from fastenv.lock.at_once import Background, each


def test_every_item_once() -> None:
    assert dict(each(lambda number: number * 2, range(100), threads=7)) == {n: n * 2 for n in range(100)}
    assert list(each(str, [], threads=4)) == []


def test_they_do_run_at_once() -> None:
    barrier = threading.Barrier(4, timeout=10)
    assert len(list(each(lambda _: barrier.wait(), range(4), threads=4))) == 4


def test_first_error_ends_it_and_nobody_is_waited_for() -> None:
    begun: list[int] = []
    silent = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("one")
        silent.wait(30)

    started = time.monotonic()
    with pytest.raises(ValueError, match="one"):
        list(each(work, range(50), threads=2))
    assert time.monotonic() - started < 10
    assert len(begun) < 10
    silent.set()


def test_background() -> None:
    assert Background(lambda: 7).result() == 7
    failing = Background(lambda: int("no number"))
    with pytest.raises(ValueError, match="no number"):
        failing.result()


ASKING = """
import sys, sysconfig, time
from fastenv.lock.at_once import Background, each

class Slow:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("_sysconfigdata"):
            time.sleep(0.3)

sys.meta_path.insert(0, Slow)
first = Background(lambda: sysconfig.get_config_var("EXE"))
told = [name for _, name in each(lambda _: sysconfig.get_config_var("EXE"), range(4), threads=4)]
assert [first.result(), *told] == [""] * 5, told
"""


def test_none_meets_variables_of_the_build_that_another_is_reading() -> None:
    subprocess.run([sys.executable, "-c", ASKING], check=True)
