"""Running an evaluation: every case is answered and scored once, whatever happens in between.

What is known is looked up first; what is missing is made, a case's scores as soon as its answer is there; what
is made is kept at once. Killed and run again it continues; unchanged and run again it calls nobody.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.errors import AssayError, InputError
from assay.evaluation.cases import Dataset
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.running.claiming import Row
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.making import Limits, Maker
from assay.evaluation.running.progress import Meter, Watcher, shown_together
from assay.evaluation.running.recalling import recall
from assay.evaluation.running.subject import subject as subject
from assay.evaluation.running.timing import apart
from assay.evaluation.running.units import Unit, in_turns, side_of, units_of
from assay.evaluation.samples import Subject
from assay.evaluation.scoring import Scorer
from assay.stores.evaluations import EvaluationStore

CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class Entrant:
    """A subject of a run side by side with others: its name for people and where it was made, see ``Run``."""

    subject: Subject
    label: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


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
    ``Case.digest``) are asked once. What another run is at, in this process or another, is not asked beside it.

    A failed answer counts in this run and is asked again in the next; so is a score that is not lasting.
    Raises InputError for two scorers with a metric of the same name, StoreError where the store fails; what
    was finished before is kept, also when the caller cancels.
    """
    entrant = Entrant(subject, label, dict(environment or {}))
    limits = limits or Limits(Limiter(concurrency), Limiter(concurrency))
    [found] = await run_side_by_side(
        [entrant], dataset, scorers, store=store, repeats=repeats, limits=limits, progress=progress, now=now
    )
    return found


async def run_side_by_side(
    entrants: Sequence[Entrant],
    dataset: Dataset,
    scorers: Sequence[Scorer],
    *,
    store: EvaluationStore,
    limits: Limits,
    repeats: int = 1,
    progress: Watcher | None = None,
    now: float | None = None,
    retime: bool = False,
) -> tuple[Run, ...]:
    """As ``run`` for several subjects, which are asked case by case: what else goes on meanwhile is the same for
    all, so that the times of answers that are both made now can be compared.

    With ``retime`` they are all asked a case anew where their known answers were not made side by side; what is
    answered then takes the place of what is known.
    """
    _check(dataset, scorers, repeats)
    started = time.time() if now is None else now
    watchers = shown_together(progress, len(entrants))
    total = repeats * len(dataset.cases)
    sides = [
        side_of(entrant.subject, Meter(total, watcher, traffic=limits.traffic))
        for entrant, watcher in zip(entrants, watchers, strict=True)
    ]
    of_sides = [units_of(side, dataset, repeats) for side in sides]
    try:
        await _make(in_turns(of_sides), scorers, store, limits, retime=retime)
    except BaseExceptionGroup as group:
        raise _told(group) from None
    return tuple(
        Run(
            id=secrets.token_hex(8),
            label=entrant.label,
            subject=entrant.subject.identity,
            state=entrant.subject.state,
            dataset=dataset.name,
            dataset_digest=dataset.digest,
            scorers=tuple(ScorerUsed(scorer.name, scorer.identity, tuple(scorer.metrics)) for scorer in scorers),
            repeats=repeats,
            results=_results(units, dataset, repeats),
            started=started,
            work=_work(side.meter),
            environment=dict(entrant.environment),
        )
        for entrant, side, units in zip(entrants, sides, of_sides, strict=True)
    )


async def _make(
    rows: Sequence[Row], scorers: Sequence[Scorer], store: EvaluationStore, limits: Limits, *, retime: bool
) -> None:
    """Look up what is known, and make the rest."""
    units = [unit for row in rows for unit in row]
    meters = {id(unit.side.meter): unit.side.meter for unit in units}.values()
    again = await apart(rows, store) if retime else frozenset()
    for unit in units:
        unit.anew = unit.key in again
    await recall(units, scorers, store)
    for meter in meters:
        meter.show(always=True)
    missing = [tuple(unit for unit in row if not unit.complete(len(scorers))) for row in rows]
    if any(missing):
        await Maker(scorers, store, limits, secrets.token_hex(8)).make([row for row in missing if row])
    for meter in meters:
        meter.show(always=True)


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
