"""Making what is missing: cases are answered and scored side by side, each score as soon as it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio

from assay.digest import Digest, digest_text
from assay.errors import RateLimited
from assay.evaluation.artifacts.codec import Scores, dumped, encode_outcome, encode_scores
from assay.evaluation.artifacts.forms import plain
from assay.evaluation.running.claiming import Queue, Row, claiming
from assay.evaluation.running.keeping import Keeper, keeping
from assay.evaluation.running.keys import content_only
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.progress import spent_on
from assay.evaluation.running.recalling import recall, score_keys, scores_of, unscored
from assay.evaluation.running.units import Unit
from assay.evaluation.samples import Answered, Failed, Outcome, Sample
from assay.evaluation.scoring import Measured, Scorer, measure
from assay.scores import Unscored
from assay.stores.evaluations import EvaluationStore, KeptAnswer, KeptScore


@dataclass(frozen=True, slots=True)
class Limits:
    """How many answers and scores are made at once; the same limiter twice where one provider gives both."""

    asking: Limiter
    scoring: Limiter

    def traffic(self) -> tuple[int, int, float]:
        """Calls under way, how many may be, and seconds until the next may begin."""
        own = {id(limiter): limiter for limiter in (self.asking, self.scoring)}.values()
        return sum(x.running for x in own), sum(x.limit for x in own), max(x.paused for x in own)


class Maker:
    """Answers and scores the units of a run, or of several side by side."""

    def __init__(self, scorers: Sequence[Scorer], store: EvaluationStore, limits: Limits, timed_in: str) -> None:
        """``timed_in`` is what the answers of this run are marked with, see ``Answered``."""
        self._scorers, self._store, self._limits, self._timed_in = scorers, store, limits, timed_in
        self._identities = [(scorer.identity, content_only(scorer)) for scorer in scorers]
        self._scored: dict[Digest, Scores] = {}
        self._under_way: dict[Digest, anyio.Event] = {}

    async def make(self, rows: Sequence[Row]) -> None:
        """Make what each unit lacks, in order. Raises StoreError, in a group."""
        units = [unit for row in rows for unit in row]
        # Twice what may run at once: both kinds of call stay busy, and no more than that is held half done.
        workers = min(len(units), self._limits.asking.most + self._limits.scoring.most)
        queue = Queue(
            rows,
            self._store.claims,
            lambda some: recall(some, self._scorers, self._store),
            lambda unit: unit.complete(len(self._scorers)),
            at_once=max(1, workers * len(rows) // len(units)),
        )
        anew = frozenset(unit.key for unit in units if unit.anew)
        async with (
            claiming(queue),
            keeping(self._store, queue.release, anew) as keeper,
            anyio.create_task_group() as group,
        ):
            for _ in range(workers):
                group.start_soon(self._work, queue, keeper)

    async def _work(self, queue: Queue, keeper: Keeper) -> None:
        while (unit := await queue.take()) is not None:
            fresh = unit.outcome is None
            if fresh:
                await self._answer(unit, keeper)
            await self._score(unit, keeper, fresh=fresh)
            keeper.made(unit.key)
            unit.side.meter.finished(len(unit.places))

    async def _answer(self, unit: Unit, keeper: Keeper) -> None:
        milliseconds = 0.0
        last: Failed | None = None

        async def once() -> Outcome:
            nonlocal milliseconds, last
            began = time.perf_counter()
            outcome = await _asked(unit)
            milliseconds = 1e3 * (time.perf_counter() - began)
            if isinstance(outcome, Failed) and outcome.kind == RateLimited.__name__:
                last = outcome
                raise RateLimited(outcome.message, model=unit.side.subject.identity)
            return outcome

        try:
            outcome = await self._limits.asking.call(once)
        except RateLimited as error:
            outcome = last or Failed(RateLimited.__name__, str(error))
        meter = unit.side.meter
        meter.answers_made += 1
        meter.answering += spent_on(outcome)
        unit.outcome = outcome
        if isinstance(outcome, Answered):
            self._keep_answer(unit, replace(outcome, timed_in=self._timed_in), milliseconds, keeper)
        meter.failed += isinstance(unit.outcome, Failed)

    def _keep_answer(self, unit: Unit, outcome: Answered, milliseconds: float, keeper: Keeper) -> None:
        try:
            if outcome.state is not None:
                outcome = replace(outcome, state=plain(outcome.state))
            text = dumped(encode_outcome(outcome))
            unit.content, unit.whole = outcome.content, digest_text(text)
        except Exception as error:  # whatever a subject puts into its answer must not end the others' run
            unit.outcome = Failed(type(error).__name__, f"the answer cannot be kept: {error}", outcome.trace)
            return
        unit.outcome = outcome
        content, whole, case, key = unit.content, unit.whole, unit.digest, unit.key
        identity = unit.side.kept_as
        keeper.answer(lambda: KeptAnswer(key, identity, case, content, whole, milliseconds, text))

    async def _score(self, unit: Unit, keeper: Keeper, *, fresh: bool) -> None:
        missing = [at for at in range(len(self._scorers)) if at not in unit.scores]
        if isinstance(unit.outcome, Failed):
            await _each(missing, lambda at: self._score_failed(unit, at))
            return
        keys = score_keys(unit.digest, unit.content, unit.whole, self._identities)
        if fresh and missing:
            missing = await self._reuse(unit, keys, keeper)
        await _each(missing, lambda at: self._score_one(unit, at, keys[at], keeper))

    async def _reuse(self, unit: Unit, keys: Sequence[Digest], keeper: Keeper) -> list[int]:
        """Take what the store knows of an answer that was only now given; the numbers of the scorers left."""
        unknown = [key for key in keys if key not in self._scored]
        for key, kept in (await keeper.scores(unknown)).items():
            self._scored.setdefault(key, scores_of(kept))
        for at, key in enumerate(keys):
            if key in self._scored:
                self._take(unit, at, self._scored[key])
        return [at for at in range(len(keys)) if at not in unit.scores]

    async def _score_one(self, unit: Unit, at: int, key: Digest, keeper: Keeper) -> None:
        while key in self._under_way:  # the same answer to the same case, in another repeat
            await self._under_way[key].wait()
        if key in self._scored:
            self._take(unit, at, self._scored[key])
            return
        done = self._under_way[key] = anyio.Event()
        try:
            scores, milliseconds = await self._measured(unit, at)
            unit.scores[at] = scores
            if all(measured.lasting for measured in scores.values()):
                self._scored[key] = scores
                identity = digest_text(self._identities[at][0])
                keeper.score(lambda: KeptScore(key, identity, milliseconds, dumped(encode_scores(scores))))
        finally:
            del self._under_way[key]
            done.set()

    async def _score_failed(self, unit: Unit, at: int) -> None:
        unit.scores[at], _ = await self._measured(unit, at)

    def _take(self, unit: Unit, at: int, scores: Scores) -> None:
        unit.scores[at] = scores
        unit.side.meter.scores_reused += 1
        unit.side.meter.unscored += unscored(scores)

    async def _measured(self, unit: Unit, at: int) -> tuple[Scores, float]:
        scorer, milliseconds = self._scorers[at], 0.0
        assert unit.outcome is not None
        sample = Sample(unit.case, unit.outcome, unit.repeat)

        async def once() -> dict[str, Measured]:
            nonlocal milliseconds
            began = time.perf_counter()
            scores = await measure(scorer, sample, through=(RateLimited,))
            milliseconds = 1e3 * (time.perf_counter() - began)
            return scores

        try:
            scores = await self._limits.scoring.call(once)
        except RateLimited as error:
            reason = Unscored(f"the provider's rate limit stood in the way: {error}")
            scores = {metric.name: Measured(reason, lasting=False) for metric in scorer.metrics}
        scores = {name: replace(found, detail=plain(found.detail)) for name, found in scores.items()}
        meter = unit.side.meter
        meter.scores_made += 1
        meter.unscored += unscored(scores)
        for measured in scores.values():
            meter.scoring += measured.spent
        return scores, milliseconds


async def _asked(unit: Unit) -> Outcome:
    """The outcome, whatever happens but cancellation and RateLimited."""
    try:
        return await unit.side.subject.ask(unit.case, unit.repeat)
    except RateLimited:
        raise
    except Exception as error:
        return Failed(type(error).__name__, str(error))


async def _each(items: Sequence[int], work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Do ``work`` with all items at once."""
    if len(items) == 1:
        await work(items[0])
    elif items:
        async with anyio.create_task_group() as group:
            for item in items:
                group.start_soon(work, item)
