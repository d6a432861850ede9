"""An environment's past and present, told from its events: each rollout as one episode, and since when what is live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assay.errors import InputError, NotFound
from assay.releases.history.environments import ENVIRONMENTS, point
from assay.releases.parts import database
from assay.releases.project import Project
from assay.rollouts.evidence.following import observation
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.evidence.wording import waiting
from assay.rollouts.traffic.events import (
    Aborted,
    Deployed,
    Event,
    Gated,
    Promoted,
    Reason,
    RolledBack,
    Started,
)
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.observations import stream
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.database import Database
from assay.stores.events import EventLog

Outcome: TypeAlias = Literal["under way", "promoted", "rolled back", "inconclusive"]
"""``rolled back`` holds for whatever was shown or decided against a candidate; ``inconclusive`` for one that went
back since nothing was shown."""

REASONS: Mapping[Reason, str] = {
    "gate": "the offline gate failed",
    "harm": "a guard showed harm",
    "inconclusive": "its time was over before every guard was shown to be safe",
    "mismatch": "users were not split as they should have been, so that no comparison holds",
    "aborted": "a person ended it",
    "unbuildable": "the candidate could not be opened",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An environment of an application, with the state that it lies in."""

    project: Project
    database: Database
    events: EventLog
    log: TrafficLog


@dataclass(frozen=True, slots=True)
class Episode:
    """One rollout: all of its events, oldest first, the first being its start."""

    started: Started
    entries: tuple[Entry, ...]

    @property
    def id(self) -> str:
        return self.started.rollout

    @property
    def at(self) -> float:
        """When it started, in seconds since the epoch."""
        return self.entries[0].at

    @property
    def gated(self) -> Gated | None:
        return next((each.event for each in self.entries if isinstance(each.event, Gated)), None)

    @property
    def charged(self) -> float:
        """What the quarter's risk budget was charged: nothing for one that has not come past its gate."""
        passed = not self.started.plan.gated or (self.gated is not None and self.gated.passed)
        return self.started.risk if passed else 0.0

    @property
    def ended(self) -> Entry | None:
        """The event that ended it."""
        last = self.entries[-1]
        return last if _outcome(last.event) != "under way" else None

    @property
    def outcome(self) -> Outcome:
        return _outcome(self.entries[-1].event)

    @property
    def because(self) -> str:
        """Why it ended as it did, in plain words; empty while it is under way."""
        match self.entries[-1].event:
            case Gated(verdict="fail" | "inconclusive" as verdict):
                return "the offline gate failed" if verdict == "fail" else "the offline gate was inconclusive"
            case Promoted():
                return "every guard was shown to be no worse than allowed"
            case RolledBack(reason=reason):
                return REASONS[reason]
            case Aborted(why=why, by=by):
                return f"{by} ended it" + (f": {why}" if why else "")
            case _:
                return ""


@dataclass(frozen=True, slots=True)
class Lived:
    """What is live, since when, and what made it so."""

    release: str
    at: float
    event: Deployed | Promoted

    @property
    def how(self) -> str:
        """In plain words."""
        match self.event:
            case Deployed(why=why, by=by):
                return f"deployed by {by or 'nobody named'}" + (f": {why}" if why else "")
            case Promoted(rollout=rollout):
                return f"promoted by rollout {rollout}"


@dataclass(frozen=True, slots=True)
class View:
    """An environment at a moment: its traffic, what is live, its rollouts (the newest may be under way), the evidence
    of the one under way as far as it is past its gate, and what that one waits for."""

    traffic: Traffic
    lived: Lived | None
    episodes: tuple[Episode, ...]
    evidence: Evidence | None
    waits: str
    at: float

    @property
    def episode(self) -> Episode | None:
        """The newest rollout."""
        return self.episodes[-1] if self.episodes else None


@contextmanager
def opened(project: Project, environment: str) -> Iterator[Opened]:
    """An environment's events, whose pointer moves with them. Raises InputError for one that there is not, and
    StoreError."""
    if environment not in ENVIRONMENTS:
        raise InputError(f"there is no environment {environment!r}; there are: {', '.join(ENVIRONMENTS)}")
    state = database(project)
    try:
        events = EventLog(state)
        yield Opened(project, state, events, TrafficLog(events, environment, point=point))
    finally:
        state.close()


def episodes(entries: Sequence[Entry]) -> tuple[Episode, ...]:
    """The rollouts of an environment's events, oldest first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        id = getattr(entry.event, "rollout", None)
        if id is not None:
            found.setdefault(id, []).append(entry)
    return tuple(Episode(own[0].event, tuple(own)) for own in found.values() if isinstance(own[0].event, Started))


def episode(found: Sequence[Episode], id: str, environment: str) -> Episode:
    """The rollout whose id begins so; empty is the newest. Raises NotFound, InputError where several begin so."""
    fitting = [each for each in found if each.id.startswith(id.strip().lower())] if id else list(found[-1:])
    if not found:
        raise NotFound(f"there has been no rollout in {environment} yet; `assay rollout start` begins one")
    if not fitting:
        raise NotFound(f"no rollout of {environment} begins with {id!r}; `assay rollout list` shows them")
    if len(fitting) > 1:
        raise InputError(f"{id!r} begins several rollouts: {', '.join(each.id for each in fitting[:4])}")
    return fitting[0]


def lived(entries: Sequence[Entry]) -> tuple[Lived, ...]:
    """Every release that has been live, oldest first; the last one is."""
    candidates = {entry.event.rollout: entry.event.candidate for entry in entries if isinstance(entry.event, Started)}
    found: list[Lived] = []
    for entry in entries:
        match entry.event:
            case Deployed(release=release) as event:
                found.append(Lived(release, entry.at, event))
            case Promoted(rollout=rollout) as event:
                found.append(Lived(candidates[rollout], entry.at, event))
            case _:
                pass
    return tuple(found)


class Overview:
    """An environment as it stands, looked at again and again: only what is new is read. Not safe for threads."""

    def __init__(self, opened: Opened) -> None:
        self._events, self._log = opened.events, opened.log
        self._entries: list[Entry] = []
        self._evidence: tuple[str, Evidence] | None = None

    def now(self, at: float) -> View:
        """How it stands ``at`` (seconds since the epoch). Raises StoreError."""
        self._entries += self._log.entries(len(self._entries))
        traffic = Traffic(self._log.environment)
        for entry in self._entries:
            traffic = transition(traffic, entry.event, entry.at)
        past = lived(self._entries)
        found = episodes(self._entries)
        rollout = traffic.rollout
        evidence = self._folded(rollout) if rollout is not None and rollout.phase != "gate" else None
        waits = waiting(rollout, evidence, at) if rollout is not None and evidence is not None else ""
        return View(traffic, past[-1] if past else None, found, evidence, waits, at)

    def _folded(self, rollout: Rollout) -> Evidence:
        if self._evidence is None or self._evidence[0] != rollout.id:
            self._evidence = (rollout.id, Evidence(rollout.plan))
        evidence = self._evidence[1]
        for recorded in self._events.read(stream(rollout.id), after=evidence.position):
            evidence.add(observation(recorded))
        return evidence


def _outcome(event: Event) -> Outcome:
    match event:
        case Promoted():
            return "promoted"
        case Gated(verdict="inconclusive") | RolledBack(reason="inconclusive"):
            return "inconclusive"
        case Gated(verdict="fail") | RolledBack() | Aborted():
            return "rolled back"
        case _:
            return "under way"
