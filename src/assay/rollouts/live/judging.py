"""Judged guards: some of both arms' answers are scored as they would be offline, behind their users' backs.

Whose answers are scored is fixed by a lot for each unit and stage, and of a unit that is drawn the first answer in
the stage is scored: units are what votes, and a lot for each answer would fall upon those who ask often, the more so
the more answers an arm has to draw from. The sample is made of the answer in memory: content need not be recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
from anyio import CapacityLimiter, to_thread

from assay.answering.events import Answer, Failed, Question
from assay.documents import PUBLIC
from assay.errors import AssayError
from assay.evaluation.cases import Case
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.samples import Sample
from assay.evaluation.scoring import Scorer, measure
from assay.releases.measuring.subject import answered
from assay.rollouts.evidence.voters import voting_shares
from assay.rollouts.live.recording import Recording
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard
from assay.rollouts.traffic.routing import CANDIDATE, LIVE, Way, fraction
from assay.rollouts.traffic.state import Experiment, Rollout
from assay.scores import Scored

AT_ONCE = 1
"""A judge may be a model on this machine: it shares the cores with the answers, and must not crowd them out."""
WAITING = 500
"""Answers that wait to be scored; of more, the newest are left out and counted."""
STAGES = 4
"""Stages whose units are remembered here: answers end late, but not that late."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer to be scored by ``metrics``; ``observation`` is the one that the scores are added to."""

    under: str
    metrics: frozenset[str]
    observation: Observation
    question: Question
    answer: Answer


class Judging:
    """For one event loop. ``offer`` never waits; ``run`` scores."""

    def __init__(
        self,
        open_scorers: Callable[[frozenset[str]], Sequence[Scorer]],
        recording: Recording,
        tell: Callable[[str], None],
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """``open_scorers`` gives the scorers of these metrics; it blocks, and may raise AssayError."""
        self._open_scorers, self._recording, self._tell = open_scorers, recording, tell
        self._at_once = at_once
        self._limiter = Limiter(at_once)
        self._opening: CapacityLimiter | None = None
        self._opened: dict[frozenset[str], Sequence[Scorer]] = {}
        self._waiting: deque[Judged] = deque()
        self._offered: dict[tuple[str, int], set[str]] = {}
        self._come = anyio.Event()

    def offer(
        self,
        under: str,
        guards: Sequence[Guard],
        observation: Observation,
        question: Question,
        end: Answer | Failed,
    ) -> None:
        """Have an answer scored for the judged guards among these, if there are any; beyond shadow only the first
        answer that its unit has here in the stage, even where that is one which cannot be scored."""
        metrics = frozenset(guard.metric for guard in guards if guard.judged)
        if not metrics or not observation.counts or not self._first(under, observation):
            return
        if not isinstance(end, Answer):
            return
        if len(self._waiting) >= WAITING:
            self._recording.counts.unjudged += 1
            return
        self._waiting.append(Judged(under, metrics, observation, question, end))
        self._come.set()

    def _first(self, under: str, observation: Observation) -> bool:
        if observation.stage < 0:  # copies and what they are held against are paired by question
            return True
        units = self._offered.setdefault((under, observation.stage), set())
        if len(self._offered) > STAGES:
            del self._offered[next(iter(self._offered))]
        new = observation.unit not in units
        units.add(observation.unit)
        return new

    async def run(self) -> None:
        """Score what is offered, until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._at_once):
                tasks.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._come = anyio.Event() if self._come.is_set() else self._come
                await self._come.wait()
            await self._judge(self._waiting.popleft())

    async def _judge(self, judged: Judged) -> None:
        sample = sample_of(judged.question, judged.answer)
        values: dict[str, float] = {}
        for scorer in await self._scorers(judged.metrics):
            values |= await self._scored(scorer, sample, judged.metrics)
        self._recording.counts.unscored += not values
        if values:
            self._recording.add(judged.under, replace(judged.observation, values=values))

    async def _scored(self, scorer: Scorer, sample: Sample, metrics: frozenset[str]) -> dict[str, float]:
        try:
            found = await self._limiter.call(lambda: measure(scorer, sample))
        except AssayError:
            return {}
        scores = {name: measured.score for name, measured in found.items() if name in metrics}
        return {name: min(1.0, max(0.0, score.value)) for name, score in scores.items() if isinstance(score, Scored)}

    async def _scorers(self, metrics: frozenset[str]) -> Sequence[Scorer]:
        """The scorers, opened at their first use; none where they cannot be, which is told once."""
        self._opening = self._opening or CapacityLimiter(1)
        async with self._opening:
            if metrics not in self._opened:
                try:
                    self._opened[metrics] = await to_thread.run_sync(self._open_scorers, metrics)
                except Exception as error:  # a missing key, a plug-in's mistake: answers go on
                    self._tell(f"{', '.join(sorted(metrics))} cannot be judged here: {error}")
                    self._opened[metrics] = ()
        return self._opened[metrics]


def sample_of(question: Question, answer: Answer) -> Sample:
    """An answer as the scorers take it, under its trace as the case's id."""
    access = tuple(sorted(question.groups - {PUBLIC})) or None
    case = Case(answer.trace, question.text, history=question.history, access=access)
    return Sample(case, answered(answer))


def chosen(under: Rollout | Experiment, gone: Way) -> bool:
    """Whether the unit of an answer that went this way is one of those that are judged in its stage: of each arm
    about as many, of those that vote."""
    return fraction(f"{under.id}:judged:{gone.stage}", gone.unit) < _share(under, gone)


def _share(under: Rollout | Experiment, gone: Way) -> float:
    if gone.under != under.id:
        return 0.0
    if isinstance(under, Rollout):
        if not gone.fresh or not 0 <= gone.stage < len(under.plan.stages):
            return 0.0
        wanted = voting_shares(under.plan.stages)[gone.stage]
        shares: Mapping[str, float] = {CANDIDATE: wanted, LIVE: 1.0 - wanted}
        judged = under.plan.judged
    else:
        names = (name for name, _ in under.design.arms)
        shares = dict(zip(names, under.shares, strict=True))
        wanted, judged = min(share for share in under.shares if share > 0), under.design.judged
    own = shares.get(gone.arm, 0.0)
    return min(1.0, judged * wanted / own) if own > 0 else 0.0
