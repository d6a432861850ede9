"""A process is killed where it was to be killed, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.testing.killing import After, AtEvent, Happened, Nursery, kill_when, nurse


def work(happened: Happened, log: str, steps: int, pause: float = 0.0) -> None:
    """Writes a line before and after each step."""
    for step in range(steps):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{step}\n")
        happened("even" if step % 2 == 0 else "odd")
        time.sleep(pause)
    if steps < 0:
        raise ValueError("a step less than none")


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery(__file__) as opened:
        yield opened


def lines(log: Path) -> int:
    return len(log.read_text("utf-8").splitlines()) if log.exists() else 0


def test_undisturbed_it_tells_what_happened(nursery: Nursery, tmp_path: Path) -> None:
    whole = nursery.run(tmp_path / "log", 3)
    assert (whole.killed, whole.events, lines(tmp_path / "log")) == (False, ("even", "odd", "even"), 3)
    assert whole.seconds > 0


@pytest.mark.parametrize("number", [1, 2, 5])
def test_killed_at_an_event_it_does_nothing_more(nursery: Nursery, tmp_path: Path, number: int) -> None:
    ended = nursery.run(tmp_path / "log", 5, kill=AtEvent(number))
    assert (ended.killed, len(ended.events), lines(tmp_path / "log")) == (True, number, number)


def test_events_are_counted_by_name_and_one_that_does_not_come_kills_nothing(nursery: Nursery, tmp_path: Path) -> None:
    assert len(nursery.run(tmp_path / "a", 9, kill=AtEvent(2, "odd")).events) == 4
    assert not nursery.run(tmp_path / "b", 9, kill=AtEvent(10)).killed


def test_more_events_than_a_pipe_holds(nursery: Nursery, tmp_path: Path) -> None:
    assert len(nursery.run(tmp_path / "log", 20_000).events) == 20_000


def test_killed_after_a_time(nursery: Nursery, tmp_path: Path) -> None:
    ended = nursery.run(tmp_path / "log", 1_000, 0.05, kill=After(0.1))
    assert ended.killed
    assert 0.1 <= ended.seconds < 20
    assert not nursery.run(tmp_path / "log", 1, kill=After(60)).killed


def test_work_that_fails_by_itself_is_a_failure(nursery: Nursery, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the work ended with 1"):
        nursery.run(tmp_path / "log", -1)
    assert not nursery.run(tmp_path / "log", 1).killed  # and the nursery goes on


def test_a_program_is_killed_once_something_holds(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys, time\nfor _ in range(1000): print(file=open(sys.argv[1], 'a')); time.sleep(0.05)"
    with subprocess.Popen([sys.executable, "-c", code, str(log)]) as process:
        assert kill_when(process, lambda: lines(log) >= 2)
    assert 2 <= lines(log) < 1000
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert not kill_when(process, lambda: False)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with pytest.raises(TimeoutError):
            kill_when(process, lambda: False, within=0.1)
        assert process.poll() is not None


if __name__ == "__main__":
    nurse(work)
