"""Following an environment's experiment to its next decision, alike in every process.

The environment's events say which experiment is under way and when its shares changed; its observations are folded
one by one, and after each it is asked whether it ends. Shares, and what a clock decides, are asked for only once
everything that was recorded is folded.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.rollouts.evidence.following import AT_ONCE, observation
from assay.rollouts.experiments.deciding import Decided, alarmed, decide
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.traffic.events import ExperimentStarted, SharesChanged
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.observations import stream
from assay.rollouts.traffic.state import Experiment, Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.events import EventLog, Recorded


@dataclass(slots=True)
class _Under:
    """The experiment under way: its evidence, and when its shares last changed."""

    id: str
    evidence: Evidence
    changed: float


class Following:
    """One environment, kept up with. Not for several threads at once."""

    def __init__(self, log: TrafficLog, events: EventLog, *, at_once: int = AT_ONCE) -> None:
        self._log, self._events, self._at_once = log, events, at_once
        self.traffic = Traffic(log.environment)
        self._under: _Under | None = None

    @property
    def evidence(self) -> Evidence | None:
        """What was folded so far of the experiment under way; it may be read, and not added to."""
        return self._under.evidence if self._under else None

    def refresh(self) -> list[Entry]:
        """Take what is new in the environment's stream, and give it back. Raises StoreError."""
        new = self._log.entries(self.traffic.version)
        for entry in new:
            self.traffic = transition(self.traffic, entry.event, entry.at)
            match entry.event:
                case ExperimentStarted(experiment=id, design=design):
                    self._under = _Under(id, Evidence(design), entry.at)
                case SharesChanged() as event if self._under is not None:
                    self._under.evidence.open(event.shares, event.observations)
                    self._under.changed = entry.at
        if self.traffic.experiment is None:
            self._under = None
        return new

    def follow(self, at: float) -> Decided | None:
        """Fold what is new; the first decision, which is to be appended by the caller on ``traffic``, or None.

        Call ``refresh`` first, and both again where appending was refused. ``at`` is in seconds since the epoch.
        Raises StoreError.
        """
        under, experiment = self._under, self.traffic.experiment
        if under is None or experiment is None:
            return None
        found: Decided | None = alarmed(experiment, under.evidence, at)
        while found is None:
            after = under.evidence.position
            new = self._events.read(stream(experiment.id), after=after, limit=self._at_once)
            if not new:
                return decide(experiment, under.evidence, at, changed=under.changed)
            found = self._folded(new, under, experiment, at)
            if self.traffic.experiment != experiment:  # its shares changed meanwhile, or it ended
                return None
        return found

    def catch_up(self) -> list[Entry]:
        """Fold all there is and decide nothing: to be looked at. Gives back what came meanwhile in the environment's
        stream. Raises StoreError."""
        came: list[Entry] = []
        while self._under is not None:
            under = self._under
            new = self._events.read(stream(under.id), after=under.evidence.position, limit=self._at_once)
            if not new:
                break
            for recorded in new:
                came += self._add(under, recorded)
        return came

    def _folded(self, new: list[Recorded], under: _Under, experiment: Experiment, at: float) -> Decided | None:
        for recorded in new:
            self._add(under, recorded)
            found = alarmed(experiment, under.evidence, at)
            if found is not None:
                return found
        return None

    def _add(self, under: _Under, recorded: Recorded) -> list[Entry]:
        seen = observation(recorded)
        # Of an epoch that is not known here: another process changed the shares since the events were read.
        came = self.refresh() if seen is not None and seen.stage >= under.evidence.epochs else []
        under.evidence.add(seen)
        return came
