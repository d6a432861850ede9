"""An environment's experiments, past and present, told from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.errors import InputError, NotFound
from assay.rollouts.experiments.deciding import waiting
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.experiments.following import Following
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted, SharesChanged
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.state import Experiment, Traffic
from assay.stores.events import EventLog

REASONS: Mapping[str, str] = {
    "found": "an arm was shown to be best",
    "harm": "a guard showed harm",
    "inconclusive": "its time was over before any arm was shown to be best",
    "mismatch": "users were not split as they should have been, so that no comparison holds",
    "stopped": "a person stopped it",
    "unbuildable": "a release could not be opened",
}


@dataclass(frozen=True, slots=True)
class Episode:
    """One experiment: all of its events, oldest first, the first being its start."""

    started: ExperimentStarted
    entries: tuple[Entry, ...]

    @property
    def id(self) -> str:
        return self.started.experiment

    @property
    def at(self) -> float:
        """When it started, in seconds since the epoch."""
        return self.entries[0].at

    @property
    def ended(self) -> Entry | None:
        """The event that ended it."""
        last = self.entries[-1]
        return last if isinstance(last.event, ExperimentEnded) else None

    @property
    def end(self) -> ExperimentEnded | None:
        event = self.entries[-1].event
        return event if isinstance(event, ExperimentEnded) else None

    @property
    def outcome(self) -> str:
        """``under way``, ``B is best``, or the reason why it ended without a winner."""
        if self.end is None:
            return "under way"
        return f"{self.end.winner} is best" if self.end.winner else self.end.reason

    @property
    def because(self) -> str:
        """Why it ended, in plain words; empty while it is under way."""
        return REASONS[self.end.reason] if self.end else ""

    @property
    def changes(self) -> int:
        """How often its shares changed."""
        return sum(isinstance(entry.event, SharesChanged) for entry in self.entries)

    def release(self, arm: str) -> str:
        """The digest of an arm's release."""
        return dict(self.started.design.arms)[arm]


@dataclass(frozen=True, slots=True)
class View:
    """An environment at a moment: its traffic, its experiments (the newest may be under way), the evidence of the one
    under way, and what that one waits for."""

    traffic: Traffic
    episodes: tuple[Episode, ...]
    evidence: Evidence | None
    waits: str
    at: float

    @property
    def episode(self) -> Episode | None:
        """The newest experiment."""
        return self.episodes[-1] if self.episodes else None

    @property
    def experiment(self) -> Experiment | None:
        return self.traffic.experiment


def episodes(entries: Sequence[Entry]) -> tuple[Episode, ...]:
    """The experiments of an environment's events, oldest first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.event, ExperimentStarted | SharesChanged | ExperimentEnded):
            found.setdefault(entry.event.experiment, []).append(entry)
    return tuple(
        Episode(own[0].event, tuple(own)) for own in found.values() if isinstance(own[0].event, ExperimentStarted)
    )


def episode(found: Sequence[Episode], id: str, environment: str) -> Episode:
    """The experiment whose id begins so; empty is the newest. Raises NotFound, InputError where several begin so."""
    fitting = [each for each in found if each.id.startswith(id.strip().lower())] if id else list(found[-1:])
    if not found:
        raise NotFound(f"there has been no experiment in {environment} yet; `assay experiment start` begins one")
    if not fitting:
        raise NotFound(f"no experiment of {environment} begins with {id!r}; `assay experiment list` shows them")
    if len(fitting) > 1:
        raise InputError(f"{id!r} begins several experiments: {', '.join(each.id for each in fitting[:4])}")
    return fitting[0]


class Overview:
    """An environment's experiments, looked at again and again: only what is new is read. Not safe for threads."""

    def __init__(self, log: TrafficLog, events: EventLog) -> None:
        self._following = Following(log, events)
        self._entries: list[Entry] = []

    def now(self, at: float) -> View:
        """How it stands ``at`` (seconds since the epoch). Raises StoreError."""
        following = self._following
        self._entries += following.refresh()
        self._entries += following.catch_up()
        experiment, evidence = following.traffic.experiment, following.evidence
        waits = waiting(experiment, evidence, at) if experiment is not None and evidence is not None else ""
        return View(following.traffic, episodes(self._entries), evidence, waits, at)
