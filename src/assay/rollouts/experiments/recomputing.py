"""An experiment's decisions computed again from the raw events alone, each beside what was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.errors import NotFound
from assay.rollouts.evidence.following import AT_ONCE, observation
from assay.rollouts.evidence.recomputing import findings_differ, placed
from assay.rollouts.experiments.deciding import Decided, alarmed, decide, due, needed, next_shares, spelt
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted, Finding, SharesChanged
from assay.rollouts.traffic.log import Entry
from assay.rollouts.traffic.observations import stream
from assay.rollouts.traffic.state import Experiment, Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.events import EventLog

_SHARE = 1e-6
"""Shares come from a quadrature, whose last digits another processor may give otherwise."""
_NOT_SEEN = frozenset({"stopped", "unbuildable"})
"""Reasons for an end that are in no observation."""


@dataclass(frozen=True, slots=True)
class Step:
    """A recorded decision, what comes out ``again`` (None: nothing would have been decided), and each difference in
    words. ``checked`` is False for what no observation could tell."""

    entry: Entry
    again: Decided | None
    differences: tuple[str, ...]
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Recomputed:
    """An experiment with its decisions, oldest first. ``evidence`` is all that was recorded up to its end, or up to
    now."""

    started: ExperimentStarted
    steps: tuple[Step, ...]
    evidence: Evidence
    ended: bool

    @property
    def same(self) -> bool:
        """Whether every decision comes out as it was recorded."""
        return not any(step.differences for step in self.steps)


def recomputed(entries: Sequence[Entry], events: EventLog, experiment: str) -> Recomputed:
    """Every decision of an experiment once more. ``entries`` are all of its environment's, oldest first. Raises
    NotFound where it never started, and StoreError."""
    folding: _Folding | None = None
    started: ExperimentStarted | None = None
    traffic, steps, ended = Traffic(""), [], False
    for entry in entries:
        before = traffic.experiment
        match entry.event:
            case ExperimentStarted(experiment=id) as event if id == experiment:
                started, folding = event, _Folding(events, experiment, Evidence(event.design))
            case SharesChanged(experiment=id) as event if id == experiment and folding and before:
                steps.append(folding.changed(before, entry, event))
            case ExperimentEnded(experiment=id) as event if id == experiment and folding and before:
                steps.append(folding.ended(before, entry, event))
                ended = True
        traffic = transition(traffic, entry.event, entry.at)
    if started is None or folding is None:
        raise NotFound(f"no experiment {experiment} was started here; `assay experiment list` shows those that were")
    if not ended:
        folding.upto(None)
    return Recomputed(started, tuple(steps), folding.evidence, ended)


@dataclass(slots=True)
class _Folding:
    """The evidence of one experiment, folded from decision to decision."""

    events: EventLog
    experiment: str
    evidence: Evidence

    def upto(self, version: int | None, state: Experiment | None = None) -> int | None:
        """Fold up to a version, None for all; the observation before it, if any, at which ``state`` should have
        ended already."""
        early: int | None = None
        while version is None or self.evidence.position < version:
            room = AT_ONCE if version is None else min(AT_ONCE, version - self.evidence.position)
            new = self.events.read(stream(self.experiment), after=self.evidence.position, limit=room)
            if not new:
                break
            for recorded in new:
                if early is None and state is not None and alarmed(state, self.evidence, 0.0) is not None:
                    early = self.evidence.position
                self.evidence.add(observation(recorded))
        return early

    def changed(self, before: Experiment, entry: Entry, said: SharesChanged) -> Step:
        already = self.evidence.position
        early = self.upto(said.observations, before)
        again = SharesChanged(before.id, next_shares(self.evidence), self.evidence.position)
        differences = [*_early(early), *placed(said.observations, already, self.evidence.position)]
        if not due(before, self.evidence):
            voted = self.evidence.votes_at(before.since_observation)
            differences.append(
                f"the shares changed after {self.evidence.votes - voted:,} more votes; {needed(voted):,} were due"
            )
        if any(not math.isclose(a, b, abs_tol=_SHARE) for a, b in zip(said.shares, again.shares, strict=True)):
            differences.append(f"recorded shares {spelt(said.shares)}; computed again {spelt(again.shares)}")
        self.evidence.open(said.shares, said.observations)
        return Step(entry, again, tuple(differences))

    def ended(self, before: Experiment, entry: Entry, said: ExperimentEnded) -> Step:
        decision = said.decision
        already = self.evidence.position
        early = self.upto(decision.observations, before)
        if said.reason in _NOT_SEEN:
            return Step(entry, None, (), checked=False)
        again = decide(before, self.evidence, decision.at, changed=math.inf)
        differences = [*_early(early), *placed(decision.observations, already, self.evidence.position)]
        differences += _outcome(said, again)
        differences += findings_differ(decision.findings, self._findings())
        if isinstance(again, ExperimentEnded) and not differences and again.decision.why != decision.why:
            differences.append(f'recorded as "{decision.why}", which is now put as "{again.decision.why}"')
        return Step(entry, again, tuple(differences))

    def _findings(self) -> tuple[Finding, ...]:
        return self.evidence.findings()


def _early(early: int | None) -> Iterator[str]:
    if early is not None:
        yield f"the evidence asked for an end after observation {early:,} already"


def _outcome(said: ExperimentEnded, again: Decided | None) -> Iterator[str]:
    recorded = _named(said)
    found = _named(again)
    if recorded != found:
        yield f"recorded: {recorded}; computed again: {found}"


def _named(event: Decided | None) -> str:
    if not isinstance(event, ExperimentEnded):
        return "nothing ends it yet"
    return f"ended ({event.reason})" + (f", {event.winner} is best" if event.winner else "")
