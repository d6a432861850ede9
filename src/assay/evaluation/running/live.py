"""Scoring what users were answered: recorded answers through the scorers that measure releases."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from assay.errors import InputError, NotFound, RateLimited
from assay.evaluation.cases import Dataset
from assay.evaluation.datasets.from_trace import content_recorded, sample_from_trace
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.progress import Meter, Watcher
from assay.evaluation.samples import Sample
from assay.evaluation.scoring import Measured, Scorer, measure
from assay.scores import Unscored

if TYPE_CHECKING:
    from assay.stores.traces import TraceStore

LABEL = "traces"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Samples of the newest answers, each case under its trace's id, and how many traces gave none."""

    samples: tuple[Sample, ...]
    unrecorded: int


def recorded(traces: TraceStore, limit: int, *, release: str | None = None, since: int | None = None) -> Recorded:
    """At most ``limit`` of the newest recorded answers. ``since`` is in nanoseconds since the epoch.

    Traces of something else, and those recorded without content, are counted. Raises NotFound where
    nothing can be scored, StoreError.
    """
    samples: list[Sample] = []
    left = 0
    for summary in traces.list(limit, release=release, since=since):
        trace = traces.get(summary.id)
        try:
            sample = sample_from_trace(trace) if content_recorded(trace) else None
        except InputError:
            sample = None
        if sample is None:
            left += 1
        else:
            samples.append(replace(sample, case=replace(sample.case, id=trace.id)))
    if not samples:
        raise NotFound(
            f"no recorded answer can be scored ({left} traces without content); `assay trace list` shows what there is"
        )
    return Recorded(tuple(samples), left)


async def score(
    samples: Sequence[Sample],
    scorers: Sequence[Scorer],
    *,
    subject: str,
    limiter: Limiter,
    progress: Watcher | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """A run over answers that were given already; what a judge knows already it is not asked again.

    ``subject`` is the release whose answers they are, or says that they are several's. A scorer that is
    refused for its rate to the end leaves its metrics unscored.
    """
    meter = Meter(len(samples), progress, traffic=lambda: (limiter.running, limiter.limit, limiter.paused))
    started, found = time.time(), dict[int, Result]()

    async def one(at: int) -> None:
        scores: dict[str, Measured] = {}
        for scorer in scorers:
            scores |= await _measured(scorer, samples[at], limiter)
        found[at] = Result(samples[at].case, 0, samples[at].outcome, scores)
        meter.scoring = sum((each.spent for each in scores.values()), meter.scoring)
        meter.scores_made += len(scorers)
        meter.unscored += sum(isinstance(each.score, Unscored) for each in scores.values())
        meter.finished(1)

    waiting = iter(range(len(samples)))

    async def work() -> None:
        for at in waiting:
            await one(at)

    async with anyio.create_task_group() as group:
        for _ in range(min(limiter.most, len(samples))):
            group.start_soon(work)
    meter.show(always=True)
    dataset = Dataset(LABEL, tuple(sample.case for sample in samples))
    return Run(
        id=secrets.token_hex(8),
        label=LABEL,
        subject=subject,
        state="",
        dataset=LABEL,
        dataset_digest=dataset.digest,
        scorers=tuple(ScorerUsed(each.name, each.identity, tuple(each.metrics)) for each in scorers),
        repeats=1,
        results=tuple(found[at] for at in range(len(samples))),
        started=started,
        work=Work(scores=meter.scores_made, scoring=meter.scoring, seconds=meter.seconds),
        environment=dict(environment or {}),
    )


async def _measured(scorer: Scorer, sample: Sample, limiter: Limiter) -> dict[str, Measured]:
    try:
        return await limiter.call(lambda: measure(scorer, sample, through=(RateLimited,)))
    except RateLimited as error:
        return {metric.name: Measured(Unscored(str(error)), lasting=False) for metric in scorer.metrics}
