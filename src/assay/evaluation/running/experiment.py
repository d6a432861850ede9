"""Running an evaluation: every case is answered and scored once, whatever happens in between.

What is known is looked up first; what is missing is made, a case's scores as soon as its answer is there; what
is made is kept at once. Killed and run again it continues; unchanged and run again it calls nobody.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence

from assay.errors import AssayError, InputError
from assay.evaluation.cases import Dataset
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.running.keys import answer_key
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.making import Limits, Maker
from assay.evaluation.running.progress import Meter, Watcher
from assay.evaluation.running.recalling import recall
from assay.evaluation.running.subject import subject as subject
from assay.evaluation.running.units import Place, Unit
from assay.evaluation.samples import Subject
from assay.evaluation.scoring import Scorer
from assay.stores.evaluations import EvaluationStore

CONCURRENCY = 8


async def run(
    subject: Subject,
    dataset: Dataset,
    scorers: Sequence[Scorer],
    *,
    store: EvaluationStore,
    repeats: int = 1,
    concurrency: int = CONCURRENCY,
    limits: Limits | None = None,
    progress: Watcher | None = None,
    label: str = "",
    environment: Mapping[str, str] | None = None,
    now: float | None = None,
) -> Run:
    """Ask the subject every case ``repeats`` times and score each answer with every scorer.

    At most ``concurrency`` answers and as many scores are made at once, fewer while a provider says so;
    ``limits`` in its place lets several runs share them, or answers and scores where one provider gives both.
    ``now`` is the start in seconds since the epoch, None for the clock's. Cases that ask the same (see
    ``Case.digest``) are asked once.

    A failed answer counts in this run and is asked again in the next; so is a score that is not lasting.
    Raises InputError for two scorers with a metric of the same name, StoreError where the store fails; what
    was finished before is kept, also when the caller cancels.
    """
    _check(dataset, scorers, repeats)
    started = time.time() if now is None else now
    limits = limits or Limits(Limiter(concurrency), Limiter(concurrency))
    units = _units(subject, dataset, repeats)
    meter = Meter(sum(len(unit.places) for unit in units), progress, traffic=limits.traffic)
    try:
        await recall(units, scorers, store, meter)
        missing = [unit for unit in units if not unit.complete(len(scorers))]
        meter.show(always=True)
        if missing:
            await Maker(subject, scorers, store, limits, meter).make(missing)
    except BaseExceptionGroup as group:
        raise _told(group) from None
    meter.show(always=True)
    return Run(
        id=secrets.token_hex(8),
        label=label,
        subject=subject.identity,
        state=subject.state,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        scorers=tuple(ScorerUsed(scorer.name, scorer.identity, tuple(scorer.metrics)) for scorer in scorers),
        repeats=repeats,
        results=_results(units, dataset, repeats),
        started=started,
        work=_work(meter),
        environment=dict(environment or {}),
    )


def _check(dataset: Dataset, scorers: Sequence[Scorer], repeats: int) -> None:
    if repeats < 1:
        raise InputError(f"each case must be asked at least once, not {repeats} times")
    seen: set[str] = set()
    for name in (metric.name for scorer in scorers for metric in scorer.metrics):
        if name in seen:
            raise InputError(f"two scorers give the metric {name!r}; leave one out")
        seen.add(name)
    ids: set[str] = set()
    for case in dataset.cases:
        if case.id in ids:
            raise InputError(f"two cases of {dataset.name} have the id {case.id!r}; rename one")
        ids.add(case.id)


def _units(subject: Subject, dataset: Dataset, repeats: int) -> list[Unit]:
    """What is to be asked, in the order of cases, then repeats; what is the same once."""
    identity, state = subject.identity, subject.state
    found: dict[tuple[str, str], Unit] = {}
    for at, case in enumerate(dataset.cases):
        asked, digest = case.asked, case.digest
        for repeat in range(repeats):
            key = answer_key(identity, state, asked, repeat)
            unit = found.get((key, digest))
            if unit is None:
                unit = found[key, digest] = Unit(key, case, digest, repeat)
            unit.places.append(Place(at, repeat))
    return list(found.values())


def _results(units: Sequence[Unit], dataset: Dataset, repeats: int) -> tuple[Result, ...]:
    results: dict[tuple[int, int], Result] = {}
    for unit in units:
        outcome = unit.outcome
        if outcome is None:
            raise RuntimeError(f"case {unit.case.id!r} was not asked: this is a bug in Assay")
        scores = unit.by_metric()
        for place in unit.places:
            results[place.case, place.repeat] = Result(dataset.cases[place.case], place.repeat, outcome, scores)
    return tuple(results[at, repeat] for at in range(len(dataset.cases)) for repeat in range(repeats))


def _work(meter: Meter) -> Work:
    return Work(
        meter.answers_made,
        meter.answers_reused,
        meter.scores_made,
        meter.scores_reused,
        meter.answering,
        meter.scoring,
        meter.seconds,
    )


def _told(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of Assay's that ended everything, where it is such a one."""
    known = group.subgroup(AssayError)
    if known is None:
        return group
    first: BaseException = known
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
