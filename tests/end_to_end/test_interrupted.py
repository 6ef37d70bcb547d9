"""Ctrl-C, SIGTERM, kill -9, and several at once: no staging is left, and the next run gives the right tree."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.lab.lab import Done, Lab, interrupt
from tests.lab.records import record_faults
from tests.lab.trees import differences


@pytest.fixture
def wheels(lab: Lab) -> list[Path]:
    """Enough to do: big ones and many small files, incompressible so that they drip."""
    noise = random.Random(7)
    made = [lab.wheel(f"big{n}", files={f"big{n}/b.bin": noise.randbytes(400_000)}) for n in range(4)]
    many = {f"many/{n}/m{m}.py": f"x = {n * m}\n" for n in range(20) for m in range(20)}
    return [*made, lab.wheel("many", files=many)]


def when_fetching(lab: Lab, *, after: float) -> None:
    """Waits until the index was asked, and then some."""
    for _ in range(2000):
        if lab.index.requests:
            break
        time.sleep(0.005)
    time.sleep(after)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_bytes_arrive(lab: Lab, wheels: list[Path], number: int) -> None:
    lab.index.options.bytes_per_s = 100_000
    lock = lab.lock(*wheels)
    process = lab.start("materialize", lock, "--prefix", lab.prefix("env"))
    when_fetching(lab, after=0.3)
    done = interrupt(process, number)
    assert (done.code, done.out) == (130, ""), done
    assert not lab.prefix("env").exists()
    assert lab.residue() == []
    lab.index.options.bytes_per_s = None
    assert differences(lab.materialize(lock), lab.reference(*wheels)) == []


@pytest.mark.parametrize("seed", range(1))
def test_an_interrupt_at_any_time(lab: Lab, wheels: list[Path], seed: int) -> None:
    any_time(lab, wheels, random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 41))
def test_an_interrupt_at_any_time_many_times(lab: Lab, wheels: list[Path], seed: int) -> None:
    any_time(lab, wheels, random.Random(seed))


def any_time(lab: Lab, wheels: list[Path], dice: random.Random) -> None:
    """Interrupted again and again at one prefix, each time somewhere else, until it is made."""
    lab.index.options.bytes_per_s = dice.choice([None, 2_000_000])
    lock, prefix = lab.lock(*wheels), lab.prefix("env")
    for _ in range(6):
        process = lab.start("materialize", lock, "--prefix", prefix)
        time.sleep(dice.uniform(0.0, 0.5))
        done = interrupt(process, dice.choice([signal.SIGINT, signal.SIGTERM]))
        assert done.code in (0, 130, -signal.SIGINT, -signal.SIGTERM), done
        if done.code == 130:
            assert lab.residue() == []
        assert not prefix.exists() or record_faults(prefix) == []
    lab.index.options.bytes_per_s = None
    assert differences(lab.materialize(lock), lab.reference(*wheels)) == []
    assert lab.residue() == []


def test_killed_and_run_again(lab: Lab, wheels: list[Path]) -> None:
    """kill -9 leaves what it must; the next run sweeps it out and gives the right tree."""
    lock, prefix = lab.lock(*wheels), lab.prefix("env")
    dice = random.Random(5)
    lab.index.options.bytes_per_s = 1_000_000
    for _ in range(6):
        process = lab.start("materialize", lock, "--prefix", prefix)
        time.sleep(dice.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
    assert not prefix.exists() or record_faults(prefix) == []
    lab.index.options.bytes_per_s = None
    assert differences(lab.materialize(lock), lab.reference(*wheels)) == []
    assert lab.run("verify", prefix, "--full").code == 0
    assert lab.residue() == []


def test_killed_while_linking(lab: Lab, wheels: list[Path]) -> None:
    """The store is warm: all that can be hit is the making of the tree and its publishing."""
    lock, prefix = lab.lock(*wheels), lab.prefix("env")
    lab.materialize(lock, prefix="warm")
    dice = random.Random(11)
    for _ in range(12):
        process = lab.start("materialize", lock, "--prefix", prefix, "--link-mode", "copy")
        time.sleep(dice.uniform(0.0, 0.12))
        process.kill()
        process.communicate()
        if prefix.exists():
            assert lab.run("verify", prefix, "--full").code == 0
            # Again from nothing.
            prefix.rename(lab.prefix(f"done{dice.random()}"))
    assert differences(lab.materialize(lock), lab.prefix("warm")) == []
    assert lab.residue() == []


def at_once(lab: Lab, *commands: list[object]) -> list[Done]:
    processes: list[subprocess.Popen[str]] = [lab.start(*command) for command in commands]
    done = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        done.append(Done(process.returncode, out, err))
    return done


def test_several_at_once_on_one_prefix(lab: Lab, wheels: list[Path]) -> None:
    lock, prefix = lab.lock(*wheels), lab.prefix("env")
    done = at_once(lab, *([["materialize", lock, "--prefix", prefix]] * 4))
    assert {(one.code, one.out) for one in done} == {(0, f"{prefix}\n")}
    assert differences(prefix, lab.reference(*wheels)) == []
    assert record_faults(prefix) == []
    assert lab.residue() == []
    # One of them fetched; the others waited for it and fetched nothing.
    bodies = [r for r in lab.index.requests if r.method == "GET" and r.path.endswith(wheels[0].name)]
    assert sum(request.sent for request in bodies) <= wheels[0].stat().st_size


def test_several_at_once_on_one_store(lab: Lab, wheels: list[Path]) -> None:
    lab.index.options.latency_s = 0.02
    lock = lab.lock(*wheels)
    names = [f"env{number}" for number in range(4)]
    commands: list[list[object]] = [["materialize", lock, "--prefix", lab.prefix(name)] for name in names]
    done = at_once(lab, *commands)
    assert [one.code for one in done] == [0] * 4, done
    reference = lab.reference(*wheels)
    for name in names:
        assert differences(lab.prefix(name), reference) == []
        assert record_faults(lab.prefix(name)) == []
    assert lab.residue() == []
    sent = sum(request.sent for request in lab.index.requests if request.method == "GET")
    assert sent <= sum(wheel.stat().st_size for wheel in wheels), "each artifact crosses the network once"


def test_several_exec_at_once(lab: Lab, wheels: list[Path]) -> None:
    """As a launcher starts workers: one makes it, all run in it, all as told."""
    lock = lab.lock(*wheels)
    command: list[object] = ["exec", lock, "--", "python", "-c", "import many, sys; print(sys.prefix)"]
    done = at_once(lab, *([command] * 6))
    assert len({(one.code, one.out, one.err) for one in done}) == 1
    assert done[0].code == 0
    assert len(list((lab.store / "envs").iterdir())) == 1
    assert lab.residue() == []


def test_one_that_fails_does_not_hurt_another(lab: Lab, wheels: list[Path]) -> None:
    """Two runs share artifacts; one of them is interrupted while the other waits for what it was fetching."""
    lab.index.options.bytes_per_s = 300_000
    lock = lab.lock(*wheels)
    first = lab.start("materialize", lock, "--prefix", lab.prefix("first"))
    when_fetching(lab, after=0.2)
    second = lab.start("materialize", lock, "--prefix", lab.prefix("second"))
    time.sleep(0.3)
    assert interrupt(first).code == 130
    lab.index.options.bytes_per_s = None
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert differences(Path(out.rstrip("\n")), lab.reference(*wheels)) == []
    assert lab.residue() == []


def test_python_hears_an_interrupt(lab: Lab, wheels: list[Path]) -> None:
    """Ctrl-C in Python: KeyboardInterrupt, soon, and nothing left."""
    import _thread

    import fastenv

    lab.index.options.bytes_per_s = 100_000
    lock = lab.lock(*wheels)

    def press() -> None:
        when_fetching(lab, after=0.3)
        _thread.interrupt_main()

    waiting = threading.Thread(target=press)
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("env"))
    waiting.join()
    assert not lab.prefix("env").exists()
    assert lab.residue() == []


def test_a_callback_that_raises_stops_the_work(lab: Lab, wheels: list[Path]) -> None:
    import fastenv

    def refuse(event: object) -> None:
        raise RuntimeError(f"no more: {event}")

    with pytest.raises(RuntimeError, match="no more"):
        fastenv.materialize(lab.lock(*wheels), root=lab.root, prefix=lab.prefix("env"), on_event=refuse)
    assert not lab.prefix("env").exists()
    assert lab.residue() == []


def test_a_callback_that_raises_comes_in_time_however_fast_the_work_is(lab: Lab, wheels: list[Path]) -> None:
    """With a warm store all is done before the first tick; what the callback refuses is not published all the same."""
    import fastenv

    def refuse(event: object) -> None:
        raise RuntimeError(f"no more: {event}")

    lock = lab.lock(*wheels)
    fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("first"))
    for _ in range(5):
        with pytest.raises(RuntimeError, match="no more"):
            fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("env"), on_event=refuse)
        assert not lab.prefix("env").exists()
    assert lab.residue() == []
