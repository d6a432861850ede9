"""How far an evaluation is, how fast, what it has cost and how long it will still take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

from assay.evaluation.samples import Answered, Outcome
from assay.evaluation.scoring import Spent

_WINDOW = 200  # finished samples that the rate is taken from
_EVERY = 0.1  # seconds between two showings


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a run. A sample is one case asked once; it is done when it is answered and scored.

    ``done`` of ``total`` samples; ``known`` of them were found whole. Of answers and scores, what was ``made``
    now and ``reused``; ``failed`` answers and ``unscored`` values, made or reused. ``rate`` in samples a second
    and ``remaining`` seconds are None until some were made now. ``answering`` and ``scoring`` are what was spent
    now. ``running`` calls are under way, of at most ``limit``; nothing begins for ``paused`` seconds, since a
    provider said so. ``elsewhere`` samples are all that is left, and another process is at them.
    """

    done: int
    total: int
    known: int = 0
    answers_made: int = 0
    answers_reused: int = 0
    scores_made: int = 0
    scores_reused: int = 0
    failed: int = 0
    unscored: int = 0
    seconds: float = 0.0
    rate: float | None = None
    remaining: float | None = None
    answering: Spent = field(default_factory=Spent)
    scoring: Spent = field(default_factory=Spent)
    running: int = 0
    limit: int = 0
    paused: float = 0.0
    elsewhere: int = 0

    @property
    def cost(self) -> float | None:
        """US dollars spent now, None where a price is unknown."""
        return (self.answering + self.scoring).cost


class Watcher(Protocol):
    """Who is shown the progress of a run; must return at once."""

    def show(self, progress: Progress) -> None: ...


def shown_together(watcher: Watcher | None, runs: int) -> Sequence[Watcher | None]:
    """A watcher for each of several runs that go on side by side and share their limits: ``watcher`` is shown
    them as one."""
    if watcher is None or runs == 1:
        return [watcher] * runs
    shown: dict[int, Progress] = {}
    return [_OfSeveral(watcher, shown, at, runs) for at in range(runs)]


@dataclass(frozen=True, slots=True)
class _OfSeveral:
    watcher: Watcher
    shown: dict[int, Progress]
    at: int
    runs: int

    def show(self, progress: Progress) -> None:
        self.shown[self.at] = progress
        if len(self.shown) == self.runs:
            self.watcher.show(reduce(_both, self.shown.values()))


def _both(one: Progress, other: Progress) -> Progress:
    rates = [each.rate for each in (one, other) if each.rate is not None]
    remaining = [each.remaining for each in (one, other) if each.remaining is not None]
    return Progress(
        one.done + other.done,
        one.total + other.total,
        one.known + other.known,
        one.answers_made + other.answers_made,
        one.answers_reused + other.answers_reused,
        one.scores_made + other.scores_made,
        one.scores_reused + other.scores_reused,
        one.failed + other.failed,
        one.unscored + other.unscored,
        max(one.seconds, other.seconds),
        sum(rates) if rates else None,
        max(remaining) if remaining else None,
        one.answering + other.answering,
        one.scoring + other.scoring,
        max(one.running, other.running),
        max(one.limit, other.limit),
        max(one.paused, other.paused),
        one.elsewhere + other.elsewhere,
    )


def spent_on(outcome: Outcome) -> Spent:
    """What asking once cost: one call of the subject. What a failed answer cost is not known to anyone, and
    counted as nothing."""
    if isinstance(outcome, Answered):
        return Spent(1, outcome.usage.input, outcome.usage.output, outcome.cost)
    return Spent(calls=1)


@dataclass(slots=True, eq=False)
class Meter:
    """Counts while a run goes on, and shows it now and then."""

    total: int
    watcher: Watcher | None = None
    clock: Callable[[], float] = time.perf_counter
    traffic: Callable[[], tuple[int, int, float]] = lambda: (0, 0, 0.0)
    done: int = 0
    known: int = 0
    answers_made: int = 0
    answers_reused: int = 0
    scores_made: int = 0
    scores_reused: int = 0
    failed: int = 0
    unscored: int = 0
    elsewhere: int = 0
    answering: Spent = field(default_factory=Spent)
    scoring: Spent = field(default_factory=Spent)
    _began: float = field(init=False)
    _shown: float = float("-inf")
    _finished: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def __post_init__(self) -> None:
        self._began = self.clock()

    @property
    def seconds(self) -> float:
        return self.clock() - self._began

    def finished(self, samples: int) -> None:
        """So many samples are done that were not known before."""
        self.done += samples
        self._finished.append((self.clock(), samples))
        self.show()

    def show(self, *, always: bool = False) -> None:
        """Show the state, unless it was shown a moment ago."""
        now = self.clock()
        if self.watcher is not None and (always or now - self._shown >= _EVERY):
            self._shown = now
            self.watcher.show(self.progress())

    def progress(self) -> Progress:
        rate = self._rate()
        running, limit, paused = self.traffic()
        return Progress(
            self.done,
            self.total,
            self.known,
            self.answers_made,
            self.answers_reused,
            self.scores_made,
            self.scores_reused,
            self.failed,
            self.unscored,
            self.seconds,
            rate,
            (self.total - self.done) / rate if rate else None,
            self.answering,
            self.scoring,
            running,
            limit,
            paused,
            self.elsewhere,
        )

    def _rate(self) -> float | None:
        if not self._finished:
            return None
        now, whole = self.clock(), len(self._finished) < _WINDOW
        # Before the window is full it begins with the run; then with its own oldest entry.
        since = self._began if whole else self._finished[0][0]
        count = sum(n for _, n in self._finished) - (0 if whole else self._finished[0][1])
        return count / (now - since) if now > since else None
