"""What only asking the judge again can tell: whether it minds the order, repeats itself, and has moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from assay.errors import InputError, ModelError
from assay.evaluation.judges.bias import drift, order_flips, repeat_variance
from assay.evaluation.judges.pairwise import RUBRIC, compare
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.samples import Sample
from assay.evaluation.scoring import Measured, Scorer, Spent, measure
from assay.scores import Estimate, Score, Scored, Unscored

OpenScorer = Callable[[Judge], Scorer]
CRITERION = "which answer to the question is better supported, more correct and more to the point?"


@dataclass(frozen=True, slots=True)
class Then:
    """An answer with the judge's score of it as it was once told, and the cluster of its case."""

    sample: Sample
    score: float
    group: str


@dataclass(frozen=True, slots=True)
class TwoAnswers:
    """Two different answers to one question."""

    question: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of asking; Unscored says why nothing did. ``spent`` is what it cost."""

    flips: Estimate | Unscored
    repeats: Estimate | Unscored
    drift: Estimate | Unscored
    spent: Spent


@dataclass(frozen=True, slots=True)
class Repeated:
    """A judge for which every item is the ``repeat``-th of its kind: kept verdicts are those of that repeat."""

    judge_: Judge
    repeat: int

    @property
    def identity(self) -> str:
        return self.judge_.identity

    @property
    def rubrics(self) -> frozenset[str]:
        return self.judge_.rubrics

    async def judge(self, item: Item) -> Verdict:
        return await self.judge_.judge(replace(item, repeat=self.repeat))


async def probe(
    judge: Judge,
    fresh: Judge,
    open_scorer: OpenScorer,
    metric: str,
    *,
    samples: Sequence[Sample],
    pairs: Sequence[TwoAnswers],
    then: Sequence[Then],
    repeats: int,
    limiter: Limiter,
) -> Probed:
    """Ask a judge about ``samples`` ``repeats`` times each, about ``pairs`` in both orders, and again about what it
    judged ``then``. ``fresh`` is the same judge without kept verdicts: what is kept cannot have moved."""
    spent = [Spent()]
    return Probed(
        await _flips(judge, pairs, limiter, spent),
        await _repeats(judge, open_scorer, metric, samples, repeats, limiter, spent),
        await _drift(open_scorer(fresh), metric, then, limiter, spent),
        spent[0],
    )


async def scored(
    scorer: Scorer, metric: str, samples: Sequence[Sample], limiter: Limiter, spent: list[Spent]
) -> list[Measured]:
    """Each sample's measure, in order. A failure is an Unscored with its reason."""
    found: dict[int, Measured] = {}

    async def one(at: int, sample: Sample) -> None:
        found[at] = (await limiter.call(lambda: measure(scorer, sample)))[metric]
        spent[0] += found[at].spent

    async with anyio.create_task_group() as tasks:
        for at, sample in enumerate(samples):
            tasks.start_soon(one, at, sample)
    return [found[at] for at in range(len(samples))]


async def _flips(
    judge: Judge, pairs: Sequence[TwoAnswers], limiter: Limiter, spent: list[Spent]
) -> Estimate | Unscored:
    if RUBRIC not in judge.rubrics:
        return Unscored("the judge does not compare answers")
    if not pairs:
        return Unscored("no case has two answers to compare")
    verdicts: list[Verdict] = []

    async def one(pair: TwoAnswers) -> None:
        try:
            verdict = await limiter.call(
                lambda: compare(judge, pair.first, pair.second, CRITERION, question=pair.question)
            )
        except ModelError as error:
            verdict = Verdict(Unscored(str(error)))
        spent[0] += verdict.spent
        verdicts.append(verdict)

    async with anyio.create_task_group() as tasks:
        for pair in pairs:
            tasks.start_soon(one, pair)
    return _or_reason(lambda: order_flips(verdicts))


async def _repeats(
    judge: Judge,
    open_scorer: OpenScorer,
    metric: str,
    samples: Sequence[Sample],
    repeats: int,
    limiter: Limiter,
    spent: list[Spent],
) -> Estimate | Unscored:
    if repeats < 2 or not samples:
        return Unscored("nothing was judged twice")
    rounds = [
        await scored(open_scorer(Repeated(judge, number)), metric, samples, limiter, spent) for number in range(repeats)
    ]
    by_sample: list[list[Score]] = [[measured.score for measured in each] for each in zip(*rounds, strict=True)]
    return _or_reason(lambda: repeat_variance(by_sample))


async def _drift(
    scorer: Scorer, metric: str, then: Sequence[Then], limiter: Limiter, spent: list[Spent]
) -> Estimate | Unscored:
    if not then:
        return Unscored("no labelled answer was judged by this judge before")
    now = await scored(scorer, metric, [each.sample for each in then], limiter, spent)
    groups = [each.group for each in then]
    clusters = groups if len(set(groups)) < len(groups) else None
    return _or_reason(
        lambda: drift([Scored(each.score) for each in then], [measured.score for measured in now], clusters)
    )


def _or_reason(estimate: Callable[[], Estimate]) -> Estimate | Unscored:
    try:
        return estimate()
    except InputError as error:
        return Unscored(str(error))
