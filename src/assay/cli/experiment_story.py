"""An experiment told from its events, in order, for somebody who did not start it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from assay.cli.experiment_tables import LEGEND, WEIGHTED, arm_table, design_lines, finding_table, style_of
from assay.cli.experiment_watch import next_lines
from assay.cli.rollout_tables import day, folded
from assay.rollouts.experiments.deciding import spelt
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted, SharesChanged

if TYPE_CHECKING:
    from assay.rollouts.experiments.overview import Episode
    from assay.rollouts.experiments.recomputing import Recomputed, Step
    from assay.rollouts.traffic.log import Entry


@dataclass(frozen=True, slots=True)
class Teller:
    """What is told beside the events: where, what is ``live`` now, and what each arm ``differs`` in from the first;
    ``width`` is the page's, in characters."""

    environment: str
    live: str | None
    differs: Mapping[str, str]
    width: int

    def story(self, episode: Episode, again: Recomputed) -> Iterator[RenderableType]:
        """The start, each change of the shares, the end with what was seen, and whether every decision comes out the
        same from the raw events."""
        because = f", since {episode.because}" if episode.because else ""
        yield Text.assemble(
            (f"experiment {episode.id}", "bold"),
            f" in {self.environment}: ",
            (episode.outcome, style_of(episode)),
            because,
        )
        steps = {step.entry.version: step for step in again.steps}
        for entry in episode.entries:
            yield Text()
            yield from self._told(entry, again)
            if (step := steps.get(entry.version)) is not None:
                yield from self._recomputed(step)
        if episode.end is None:
            yield Text()
            yield from self._seen(again)
        yield Text()
        yield folded(_verdict(again), self.width, style="bold")
        if again.same:
            yield from next_lines(episode, self.live, self.width)

    def _told(self, entry: Entry, again: Recomputed) -> Iterator[RenderableType]:
        match entry.event:
            case ExperimentStarted() as event:
                reason = f": {event.why}" if event.why else ", who gave no reason"
                yield self._head(entry, f"started by {event.by}{reason}")
                for line in design_lines(event.design):
                    yield self._line(line)
                for arm, differs in self.differs.items():
                    yield self._line(f"{arm} changes: {differs}")
            case SharesChanged(shares=shares, observations=observations):
                yield self._head(entry, f"shares became {spelt(shares)}, after {observations:,} observations")
            case ExperimentEnded() as event:
                word = f"{event.winner} is best" if event.winner else event.reason
                yield self._head(entry, f"ended ({word}): the live release answers everybody again")
                yield self._line(f"why: {event.decision.why}")
                yield self._line(f"looked at: {event.decision.observations:,} observations")
                yield from self._seen(again)

    def _seen(self, again: Recomputed) -> Iterator[RenderableType]:
        evidence = again.evidence
        if not evidence.votes:
            yield self._line("nobody has counted")
            return
        if evidence.design.policy != "interleave":
            yield arm_table(evidence, list(evidence.shares.values()))
            yield finding_table(evidence.findings(), evidence)
            if evidence.design.policy == "thompson":
                yield folded(WEIGHTED, self.width, indent=2, style="dim")
            yield folded(LEGEND, self.width, indent=2, style="dim")

    def _recomputed(self, step: Step) -> Iterator[RenderableType]:
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


def _verdict(again: Recomputed) -> str:
    checked = [step for step in again.steps if step.checked]
    different = sum(bool(step.differences) for step in checked)
    if different:
        return (
            f"{different} of {len(checked)} decisions {'is' if different == 1 else 'are'} not what the raw events give"
        )
    if not checked:
        return "no decision was taken from evidence: there is nothing to compute again"
    if len(checked) == 1:
        return "the one decision was computed again from the raw events, and is the same"
    return f"all {len(checked)} decisions were computed again from the raw events, and are the same"
