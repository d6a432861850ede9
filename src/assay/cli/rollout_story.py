"""A rollout told from its events, in order, for somebody who did not start it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from assay.cli.rollout_tables import LEGEND, STYLES, counted, day, folded, guard_table, share_of, span, units_word
from assay.rollouts.traffic.events import (
    Aborted,
    Advanced,
    Gated,
    Paused,
    Pinned,
    Promoted,
    Resumed,
    RolledBack,
    Started,
)

if TYPE_CHECKING:
    from assay.rollouts.evidence.recomputing import Step
    from assay.rollouts.overview import Episode
    from assay.rollouts.planning.risk import Charge
    from assay.rollouts.traffic.log import Entry
    from assay.rollouts.traffic.plan import Plan


@dataclass(frozen=True, slots=True)
class Teller:
    """What is told beside the events: where, what the candidate ``differs`` in, what the rollout was charged, of
    which ``budget``; ``width`` is the page's, in characters."""

    environment: str
    differs: str
    charge: Charge | None
    budget: float
    width: int

    def story(self, episode: Episode, steps: Sequence[Step]) -> Iterator[RenderableType]:
        """The start, the gate, each stage with what was seen in it, the end, and whether every decision comes out
        the same from the raw events."""
        outcome = episode.outcome
        because = f", because {episode.because}" if episode.because else ""
        yield Text.assemble(
            (f"rollout {episode.id}", "bold"), f" in {self.environment}: ", (outcome, STYLES[outcome]), because
        )
        again = {step.entry.version: step for step in steps}
        for entry in episode.entries:
            yield Text()
            yield from self._told(entry, episode.started.plan)
            if (step := again.get(entry.version)) is not None:
                yield from self._recomputed(step, episode.started.plan)
        yield Text()
        if any(finding.n for step in steps for finding in step.findings):
            yield folded(LEGEND, self.width, style="dim")
            yield Text()
        yield folded(_verdict(steps), self.width, style="bold")

    def _told(self, entry: Entry, plan: Plan) -> Iterator[RenderableType]:
        event = entry.event
        match event:
            case Started():
                yield from self._started(event, entry)
            case Gated():
                yield from self._gated(event, entry, plan)
            case Advanced(stage=stage):
                yield self._head(entry, f"{_stage(plan, stage)}")
            case Promoted():
                yield self._head(entry, "promoted: the candidate is live")
            case RolledBack(reason=reason):
                yield self._head(entry, f"rolled back ({reason}): all traffic is the old release's again")
            case Aborted(why=why, by=by):
                yield self._head(entry, f"aborted by {by}{_reason(why)}")
            case Paused(why=why, by=by):
                yield self._head(entry, f"paused by {by}{_reason(why)}")
            case Resumed(by=by):
                yield self._head(entry, f"resumed by {by}")
            case Pinned(units=units, by=by):
                arms = ", ".join(sorted({arm or "nothing" for arm in units.values()}))
                yield self._head(entry, f"{len(units)} pinned to {arms} by {by}")

    def _started(self, event: Started, entry: Entry) -> Iterator[Text]:
        plan = event.plan
        yield self._head(entry, f"started by {event.by}{_reason(event.why)}")
        yield self._line(f"release {event.candidate[:12]} against {event.baseline[:12]}, which was live")
        yield self._line(f"changes: {self.differs}")
        shares = ", ".join(share_of(share) for share in plan.stages)
        yield self._line(
            f"plan: {shares} of {units_word(plan)}, then all; each stage at least {span(plan.least_seconds)} "
            f"and {plan.least_answers:,} {units_word(plan)} of the candidate; all at most {span(plan.longest_seconds)}"
        )
        yield self._line(f"guards: {', '.join(guard.name for guard in plan.guards)}")
        yield self._line(
            f"errors allowed: a harmless release goes back in at most {share_of(plan.alpha)} of rollouts (alpha); one "
            f"that is worse than allowed is promoted in at most {share_of(plan.promotion_alpha)}, "
            f"{self._charged(event)}"
        )

    def _charged(self, event: Started) -> str:
        if self.charge is not None and not self.charge.risk:
            return f"charged to the risk budget of {event.quarter} past the gate only: nothing was charged"
        left = f" ({self.charge.left:.3g} of {self.budget:g} were left)" if self.charge is not None else ""
        return f"charged to the risk budget of {event.quarter}{left}"

    def _gated(self, event: Gated, entry: Entry, plan: Plan) -> Iterator[Text]:
        match event.verdict:
            case "pass":
                told = "the offline gate passed"
            case "skipped":
                told = f"the offline gate was skipped by {event.by}: {event.why}"
            case "fail" | "inconclusive":
                word = "failed" if event.verdict == "fail" else "was inconclusive"
                told = f"the offline gate {word}: no user has seen the candidate"
        yield self._head(entry, told)
        if event.verdict != "skipped" and event.why:
            yield self._line(event.why)
        if event.comparison:
            yield self._line(f"every number again: assay eval recompute {event.comparison}")
        if event.verdict in ("pass", "skipped"):
            yield self._line(f"then {_shadow(plan) if plan.shadow else _stage(plan, 0)}")

    def _recomputed(self, step: Step, plan: Plan) -> Iterator[RenderableType]:
        decision = getattr(step.entry.event, "decision", None)
        if decision is None:
            return
        yield self._line(f"why: {decision.why}")
        yield self._line(f"looked at: {decision.observations:,} observations")
        if any(each.n or each.m for each in decision.findings):
            yield self._line(counted(decision.findings, plan))
            yield guard_table(decision.findings, plan)
        if not step.checked:
            yield self._line("decided without them: there is nothing to compute again")
        elif step.differences:
            yield self._line("computed again from the raw events: it DIFFERS")
            for each in step.differences:
                yield self._line(f"- {each}", 4)
        else:
            yield self._line("computed again from the raw events: the same")

    def _head(self, entry: Entry, text: str) -> Text:
        return folded(f"{day(entry.at)}  {text}", self.width, after=18, style="bold")

    def _line(self, text: str, indent: int = 2) -> Text:
        return folded(text, self.width, indent=indent, after=indent + 2)


def _verdict(steps: Sequence[Step]) -> str:
    checked = [step for step in steps if step.checked]
    different = [step for step in checked if step.differences]
    if different:
        are = "is" if len(different) == 1 else "are"
        return f"{len(different)} of {len(checked)} decisions {are} not what the raw events give"
    if not checked:
        return "no decision was taken from evidence: there is nothing to compute again"
    if len(checked) == 1:
        return "the one decision was computed again from the raw events, and is the same"
    return f"all {len(checked)} decisions were computed again from the raw events, and are the same"


def _reason(why: str) -> str:
    return f": {why}" if why else ", who gave no reason"


def _shadow(plan: Plan) -> str:
    share = share_of(plan.shadow.share) if plan.shadow else ""
    return f"shadow: copies of {share} of the questions, seen by no user"


def _stage(plan: Plan, stage: int) -> str:
    return f"stage {stage + 1} of {len(plan.stages)}: {share_of(plan.stages[stage])} of {units_word(plan)}"
