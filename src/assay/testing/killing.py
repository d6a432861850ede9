"""Processes that are killed at a moment, for tests that nothing is lost and nothing is done twice.

A test file that kills is also what is killed: run as a program it is a nursery, which has imported everything and
starts each piece of work by a fork, so that a hundred kills cost no hundred starts of Python.

    def work(happened: Happened, state: str) -> None:   # in a process of its own
        ...
        happened("kept")                                # an event: a moment that a kill can be put at

    def test_killed_at_every_event(tmp_path: Path) -> None:
        with Nursery(__file__) as nursery:
            whole = nursery.run(tmp_path / "rehearsal")
            for number in range(1, len(whole.events) + 1):
                state = tmp_path / str(number)
                assert nursery.run(state, kill=AtEvent(number)).killed
                nursery.run(state)                      # started again
                ...                                     # the same as undisturbed?

    if __name__ == "__main__":
        nurse(work)

``AtEvent(n)`` kills exactly there, ``After(chance.uniform(0, whole.seconds))`` anywhere. What is a program of its
own, such as a server, is started with ``subprocess.Popen`` and killed with ``kill_when``. All kills are SIGKILL: no
handler, no ``finally``, no flush; and all are by the id of a process that was started here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

_PAUSE = 0.001


class Happened(Protocol):
    """Tells of an event by its name; does not return where the process is to be killed at it."""

    def __call__(self, name: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class After:
    """After so many seconds, unless it has ended by then."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AtEvent:
    """At the event of this number, from 1; with ``name``, at that of the events of this name."""

    number: int
    name: str | None = None


Moment: TypeAlias = After | AtEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: whether it was killed, after how many seconds, and what had happened, in order: the
    last event is the one that it was killed at."""

    killed: bool
    seconds: float
    events: tuple[str, ...]


class Nursery:
    """A process that forks others; ``file`` is a program that calls ``nurse``. A context manager."""

    def __init__(self, file: str | PathLike[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, os.fspath(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, *arguments: str | float | PathLike[str], kill: Moment | None = None) -> Ended:
        """Do the work in a process of its own, kill it at the moment, and wait for its end.

        Paths arrive as text. Raises AssertionError where the work raised something, or ended in another way;
        what it raised is on standard error.
        """
        plain = [os.fspath(each) if isinstance(each, PathLike) else each for each in arguments]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([plain, _told(kill)]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the nursery has ended with {self._process.wait()}")
        code, seconds, events = json.loads(line)
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the work ended with {code}")
        return Ended(code != 0, seconds, tuple(events))


def nurse(work: Callable[..., None]) -> None:
    """Be a nursery until standard input ends: ``work(happened, *arguments)`` in a fork, for each line of it."""
    while line := sys.stdin.readline():
        arguments, told = json.loads(line)
        moment = _moment(told)
        reads, writes = os.pipe()
        began = time.monotonic()
        child = os.fork()
        if not child:
            os.close(reads)
            _work(work, arguments, _Events(writes, moment if isinstance(moment, AtEvent) else None))
        os.close(writes)
        code, events = _attended(child, reads, moment.seconds if isinstance(moment, After) else None)
        sys.stdout.write(json.dumps([code, time.monotonic() - began, events]) + "\n")
        sys.stdout.flush()


def kill_when(process: subprocess.Popen[Any], when: Callable[[], bool], *, within: float = 60.0) -> bool:
    """Kill a process as soon as ``when`` holds, which is asked a thousand times a second, and wait for its end;
    False where it ended before.

    Raises TimeoutError after ``within`` seconds; then it is killed as well.
    """
    until = time.monotonic() + within
    while process.poll() is None:
        late = time.monotonic() > until
        if late or when():
            process.kill()
            # It may have ended by itself in between.
            killed = process.wait() == -signal.SIGKILL
            if late:
                raise TimeoutError(f"nothing to be killed at came within {within:g} s")
            return killed
        time.sleep(_PAUSE)
    return False


class _Events:
    """Events of this process: each is written to a pipe, so that it is known whatever follows."""

    def __init__(self, pipe: int, last: AtEvent | None) -> None:
        self._pipe, self._last, self._seen = pipe, last, 0

    def __call__(self, name: str = "") -> None:
        os.write(self._pipe, json.dumps(name).encode() + b"\n")
        if self._last is None or self._last.name not in (None, name):
            return
        self._seen += 1
        if self._seen == self._last.number:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


def _work(work: Callable[..., None], arguments: list[Any], happened: Happened) -> None:
    """Does not return."""
    code = 1
    try:
        work(happened, *arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _attended(child: int, pipe: int, after: float | None) -> tuple[int, list[str]]:
    """The child's exit code, at the latest after so many seconds, and its events."""
    os.set_blocking(pipe, False)
    until = None if after is None else time.monotonic() + after
    said, known, status = b"", 0, 0
    while not known:
        if until is not None and time.monotonic() >= until:
            os.kill(child, signal.SIGKILL)
            known, status = os.waitpid(child, 0)
        else:
            known, status = os.waitpid(child, os.WNOHANG)
        said += _read(pipe)
        if not known:
            time.sleep(_PAUSE)
    os.close(pipe)
    return os.waitstatus_to_exitcode(status), [json.loads(line) for line in said.splitlines()]


def _read(pipe: int) -> bytes:
    """All that is in a pipe now."""
    said = b""
    try:
        while data := os.read(pipe, 65_536):
            said += data
    except BlockingIOError:
        pass
    return said


def _told(moment: Moment | None) -> list[Any] | None:
    match moment:
        case After(seconds):
            return [seconds]
        case AtEvent(number, name):
            return [number, name]
        case None:
            return None


def _moment(told: list[Any] | None) -> Moment | None:
    if told is None:
        return None
    return After(*told) if len(told) == 1 else AtEvent(*told)
