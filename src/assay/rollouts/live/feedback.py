"""What people say of an answer: a thumb, a score, a better answer. Kept for good, and counted where a rollout asks.

One stream holds all of it. The first rating of an answer by a caller counts; later ones are kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from assay.errors import NotFound, StoreError
from assay.rollouts.traffic.assignment import unit_of
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.routing import Way
from assay.stores.events import Conflict, EventLog, Recorded
from assay.stores.traces import TraceStore
from assay.traces import CONFIDENCE, RELEASE, SHADOW, Span

STREAM = "feedback"
TRIES = 50
PAGE = 5_000
_ID = re.compile(r"(?:chatcmpl-)?([0-9a-f]{32})([0-9a-f]{16})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one answer. ``score`` is in [0, 1], None where nothing was rated; ``caller`` names who said
    it, empty where that is not known: then all such callers are one."""

    score: float | None = None
    correction: str | None = None
    comment: str | None = None
    caller: str = ""

    @property
    def value(self) -> float | None:
        """What it counts as: a correction without a rating says that the answer was not right."""
        return 0.0 if self.score is None and self.correction is not None else self.score


@dataclass(frozen=True, slots=True)
class Named:
    """An answer by its id: the ``trace``, and the ``span`` in it where the id tells it."""

    trace: str
    span: str | None

    @classmethod
    def read(cls, id: str) -> Named:
        """From a completion's id or a trace's. Raises NotFound for what is neither."""
        found = _ID.fullmatch(id.strip())
        if found is None:
            raise unknown(id)
        return cls(found[1].lower(), found[2].lower() if found[2] else None)


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that is known: what made it, and the way that it went. ``shared`` says that its trace is its
    caller's, and may hold other answers."""

    trace: str
    span: str
    release: str
    way: Way | None
    shared: bool = False

    @property
    def key(self) -> str:
        return f"{self.trace}{self.span}"

    @property
    def observed(self) -> str:
        """What its observations call it, see ``observing.key_of``."""
        return self.key if self.shared else self.trace


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said of an answer, as it is kept; ``first`` says that it is the caller's first rating of it.

    ``at`` is in seconds since the epoch. ``caller`` is a hash.
    """

    at: float
    trace: str
    span: str
    release: str
    rollout: str | None
    arm: str | None
    score: float | None
    correction: str | None
    comment: str | None
    caller: str
    first: bool

    @classmethod
    def of(cls, recorded: Recorded) -> Feedback:
        """Read an event of the stream."""
        event = recorded.event
        return cls(
            recorded.at,
            str(event["trace"]),
            str(event["span"]),
            str(event["release"]),
            event.get("rollout"),
            event.get("arm"),
            event.get("score"),
            event.get("correction"),
            event.get("comment"),
            str(event["caller"]),
            bool(event["first"]),
        )


@dataclass(slots=True)
class FeedbackBook:
    """The stream, as far as it was read. Methods block and may raise StoreError; one thread at a time."""

    events: EventLog
    traces: TraceStore
    _version: int = 0
    _said: dict[tuple[str, str], set[tuple[object, ...]]] = field(default_factory=dict)

    def find(self, named: Named) -> Rated:
        """The answer that was meant, from its trace. Raises NotFound."""
        try:
            trace = self.traces.get(named.trace)
        except NotFound:
            raise unknown(named.trace) from None
        answers = [span for span in trace.spans if RELEASE in span.attributes and SHADOW not in span.attributes]
        if named.span is not None:
            answers = [span for span in answers if span.id == named.span]
        # Of several in one trace the last that ended well: an attempt that failed was shown to nobody.
        answers.sort(key=lambda span: CONFIDENCE in span.attributes)
        if not answers:
            raise unknown(named.trace)
        return _rated(trace.id, answers[-1])

    def add(self, rated: Rated, said: Said, *, under: str | None = None) -> bool:
        """Keep what was said, unless the caller has said the same of this answer before.

        ``under`` is the id of the rollout, or the experiment, under way: a first rating of an answer that belongs to
        it is an observation of it, which is written together with it or not at all.
        True where it is the caller's first rating of the answer, and is one.
        """
        caller = unit_of(STREAM, said.caller) if said.caller else ""
        whose = (rated.key, caller)
        content = (said.score, said.correction, said.comment)
        for _ in range(TRIES):
            self._read()
            before = self._said.get(whose, set())
            if content in before:
                return False
            first = said.value is not None and not any(_counted(each) for each in before)
            seen = _observed(rated, said, under) if first else None
            also = None if seen is None else partial(self._count, seen, under or "")
            kept = [_event(rated, said, caller, first=first)]
            try:
                self.events.append(STREAM, kept, expected=self._version, also=also)
            except Conflict:
                continue
            return first
        raise StoreError("feedback is being given by many others; try again")

    def _count(self, seen: Observation, under: str, connection: Connection) -> None:
        self.events.append_with(connection, stream(under), [seen.as_event()])

    def _read(self) -> None:
        for recorded in self.events.read(STREAM, after=self._version):
            kept = Feedback.of(recorded)
            whose = (f"{kept.trace}{kept.span}", kept.caller)
            self._said.setdefault(whose, set()).add((kept.score, kept.correction, kept.comment))
            self._version = recorded.version


def unknown(id: str) -> NotFound:
    """What is told of an answer that is not known."""
    return NotFound(f"no answer is known by {id[:80]!r}; take the `id` of the completion, or `assay.trace`")


def listed(events: EventLog, wanted: Callable[[Feedback], bool] = lambda _: True) -> Iterator[Feedback]:
    """All feedback that is wanted, oldest first. May raise StoreError."""
    after = 0
    while page := events.read(STREAM, after=after, limit=PAGE):
        yield from filter(wanted, map(Feedback.of, page))
        after = page[-1].version


def _rated(trace: str, span: Span) -> Rated:
    release = str(span.attributes.get(RELEASE, ""))
    return Rated(trace, span.id, release, Way.of(span.attributes), shared=span.parent is not None)


def _observed(rated: Rated, said: Said, under: str | None) -> Observation | None:
    """What a rating is to what is under way; None where the answer does not belong to it."""
    way = rated.way
    if way is None or under is None or way.under != under or way.stage < 0:
        return None
    return way.observation(rated.observed, {"feedback": said.value or 0.0})


def _counted(content: tuple[object, ...]) -> bool:
    score, correction, _ = content
    return score is not None or correction is not None


def _event(rated: Rated, said: Said, caller: str, *, first: bool) -> dict[str, Any]:
    event: dict[str, Any] = {
        "kind": "feedback",
        "trace": rated.trace,
        "span": rated.span,
        "release": rated.release,
        "caller": caller,
        "first": first,
    }
    if rated.way is not None:
        event |= {"rollout": rated.way.under, "arm": rated.way.arm}
    told = {"score": said.score, "correction": said.correction, "comment": said.comment}
    return event | {name: value for name, value in told.items() if value is not None}
