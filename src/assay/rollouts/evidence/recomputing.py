"""A rollout's decisions computed again from the raw events alone, each beside what was recorded.

The state at each decision is the fold of the environment's events before it; the evidence is the fold of the
observations that it says it looked at; the rules are those of today. Whatever comes out otherwise is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from assay.errors import NotFound
from assay.rollouts.evidence.deciding import Decided, decide, harmed
from assay.rollouts.evidence.following import AT_ONCE, observation
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.traffic.events import Advanced, Event, Finding, Promoted, RolledBack, Started
from assay.rollouts.traffic.log import Entry
from assay.rollouts.traffic.observations import stream
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.events import EventLog

_CLOSE = 1e-9
_BY_PEOPLE = frozenset({"gate", "aborted", "unbuildable"})
"""Reasons for which a candidate goes back that are in no observation."""


@dataclass(frozen=True, slots=True)
class Step:
    """A recorded decision, what comes out ``again`` in the state that it was taken in (None: nothing would have been
    decided), and each difference in words. ``checked`` is False for what no observation could tell."""

    entry: Entry
    rollout: Rollout
    again: Decided | None
    findings: tuple[Finding, ...]
    differences: tuple[str, ...]
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A rollout with its decisions, oldest first. ``rollout`` is its state before its end, or now; ``evidence`` is all
    that was recorded up to the last decision, or up to now where it is under way."""

    started: Started
    rollout: Rollout
    steps: tuple[Step, ...]
    evidence: Evidence
    ended: bool

    @property
    def same(self) -> bool:
        """Whether every decision comes out as it was recorded."""
        return not any(step.differences for step in self.steps)


def recomputed(entries: Sequence[Entry], events: EventLog, rollout: str) -> Recomputed:
    """Every decision of a rollout once more. ``entries`` are all of its environment's, oldest first; ``rollout`` is
    its id. Raises NotFound where it never started, and StoreError."""
    started = next((e.event for e in entries if isinstance(e.event, Started) and e.event.rollout == rollout), None)
    if started is None:
        raise NotFound(f"no rollout {rollout} was started here; `assay rollout list` shows those that were")
    folding = _Folding(events, rollout, Evidence(started.plan))
    traffic, last = Traffic(""), None
    steps: list[Step] = []
    for entry in entries:
        before = traffic.rollout
        if before is not None and before.id == rollout:
            last = before
            if _decides(entry.event):
                steps.append(_again(folding, before, entry, entry.event))
        traffic = transition(traffic, entry.event, entry.at)
    now = traffic.rollout if traffic.rollout is not None and traffic.rollout.id == rollout else None
    if now is not None:
        folding.upto(None)
    state = now or last
    if state is None:
        raise NotFound(f"rollout {rollout} was started and never came to be; its environment's events are damaged")
    return Recomputed(started, state, tuple(steps), folding.evidence, now is None)


@dataclass(slots=True)
class _Folding:
    """The evidence so far."""

    events: EventLog
    rollout: str
    evidence: Evidence

    def upto(self, version: int | None) -> int | None:
        """Fold up to a version, None for all; the observation before it, if any, after which harm was there."""
        early: int | None = None
        while version is None or self.evidence.position < version:
            room = AT_ONCE if version is None else min(AT_ONCE, version - self.evidence.position)
            new = self.events.read(stream(self.rollout), after=self.evidence.position, limit=room)
            if not new:
                break
            for recorded in new:
                if early is None and harmed(self.evidence):
                    early = self.evidence.position
                self.evidence.add(observation(recorded))
        return early


def _decides(event: Event) -> TypeGuard[Decided]:
    return isinstance(event, Advanced | Promoted | RolledBack)


def _again(folding: _Folding, before: Rollout, entry: Entry, said: Decided) -> Step:
    decision = said.decision
    already = folding.evidence.position
    early = folding.upto(decision.observations)
    evidence = folding.evidence
    if isinstance(said, RolledBack) and said.reason in _BY_PEOPLE:
        return Step(entry, before, None, evidence.findings(), (), checked=False)
    again, findings = decide(before, evidence, decision.at), evidence.findings()
    differences = list(placed(decision.observations, already, evidence.position))
    if early is not None:
        differences.append(f"there was evidence of harm after observation {early:,} already")
    differences += _outcome(said, again)
    differences += findings_differ(said.decision.findings, findings)
    if again is not None and not differences and again.decision.why != decision.why:
        differences.append(f'recorded as "{decision.why}", which is now put as "{again.decision.why}"')
    return Step(entry, before, again, findings, tuple(differences))


def placed(recorded: int, already: int, there: int) -> Iterator[str]:
    """What is wrong with where a decision looked: ``recorded`` observations, ``already`` those of the one before it,
    of which ``there`` are there."""
    if recorded < already:
        yield f"it looked at {recorded:,} observations, fewer than the {already:,} of the decision before it"
    elif there < recorded:
        yield f"it looked at {recorded:,} observations, of which {there:,} are there"


def _outcome(said: Decided, again: Decided | None) -> Iterator[str]:
    recorded, found = _named(said), _named(again)
    if recorded != found:
        yield f"recorded: {recorded}; computed again: {found}"


def _named(event: Decided | None) -> str:
    match event:
        case None:
            return "nothing is decided yet"
        case Advanced(stage=stage):
            return f"on to stage {stage + 1}"
        case Promoted():
            return "promoted"
        case RolledBack(reason=reason):
            return f"rolled back for {reason}"


def findings_differ(said: Sequence[Finding], again: Sequence[Finding]) -> Iterator[str]:
    """Each difference between recorded findings and those computed again, in words."""
    now = {finding.guard: finding for finding in again}
    for finding in said:
        if finding.guard not in now:
            yield f"{finding.guard}: recorded, and not in the rollout's plan"
            continue
        other = now.pop(finding.guard)
        for field in ("harm", "safe", "n", "m", "candidate", "live", "low", "high"):
            before, after = getattr(finding, field), getattr(other, field)
            if not _alike(before, after):
                yield f"{finding.guard}: {field} recorded as {_spelt(before)}, computed again {_spelt(after)}"
    for name in now:
        yield f"{name}: computed, and not recorded"


def _alike(before: float | None, after: float | None) -> bool:
    """Equal but for what another processor's arithmetic may alter in the last digits."""
    if before is None or after is None:
        return before is after
    return math.isclose(before, after, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _spelt(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.6g}"
