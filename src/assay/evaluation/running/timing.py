"""Times that can be compared: those of answers that were asked side by side.

A time tells of the subject and of what else the machine and the provider did meanwhile. Two subjects that were
timed one after the other, or on two days, differ in both; asked case by case in one run, they differ in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from anyio.to_thread import run_sync

from assay.digest import Digest
from assay.evaluation import pairs
from assay.evaluation.cases import Dataset
from assay.evaluation.records import Result, Run
from assay.evaluation.running.progress import Meter
from assay.evaluation.running.recalling import outcome_of
from assay.evaluation.running.units import Unit, in_turns, side_of, units_of
from assay.evaluation.samples import Answered, Subject
from assay.evaluation.scoring import Measured
from assay.evaluation.verdicts import Guard
from assay.scores import Scored, Unscored
from assay.stores.evaluations import EvaluationStore

ANEW = "`assay eval --fresh-latency` asks both anew"
APART = f"{pairs.APART}, so the load may be what differs; {ANEW}"


def comparable(subject: Run, baseline: Run, guards: Sequence[Guard]) -> Run:
    """The subject's run for a comparison by these guards. Where one of them is of a time, no time that was not
    measured side by side with the baseline's has a value, but the reason."""
    times = _times(subject)
    if not any(guard.metric in times for guard in guards):
        return subject
    apart = _not_together(subject, baseline)
    results = (_untimed(result, times) if (result.case.id, result.repeat) in apart else result for result in subject)
    return replace(subject, results=tuple(results))


def warnings(subject: Run, baseline: Run, guards: Sequence[Guard]) -> list[str]:
    """What to tell people of times that no guard is of, and that are compared though the load may differ."""
    times = _times(subject)
    apart = _not_together(subject, baseline)
    if not apart or not times or any(guard.metric in times for guard in guards):
        return []
    of = f"{len(apart)} of {len(subject.results)} answers"
    return [f"latency: {of} were not timed side by side with the baseline's: the load may be what differs; {ANEW}"]


async def apart(rows: Sequence[tuple[Unit, ...]], store: EvaluationStore) -> frozenset[Digest]:
    """Keys of the known answers in these rows that were not asked in one run with all others of their row.

    Raises StoreError.
    """
    return await run_sync(_apart, rows, store)


async def apart_of(
    subjects: Sequence[Subject], dataset: Dataset, repeats: int, store: EvaluationStore
) -> frozenset[Digest]:
    """The same, of what a run of these subjects side by side would find known."""
    return await apart(in_turns([units_of(side_of(each, Meter(0)), dataset, repeats) for each in subjects]), store)


def _times(run: Run) -> frozenset[str]:
    return frozenset(metric.name for metric in run.metrics if metric.kind == "milliseconds")


def _not_together(subject: Run, baseline: Run) -> frozenset[tuple[str, int]]:
    """Case and repeat of the answers that both gave, and not side by side."""
    theirs = {(result.case.id, result.repeat): result.outcome for result in baseline}
    found = set()
    for result in subject:
        place = (result.case.id, result.repeat)
        ours, other = result.outcome, theirs.get(place)
        # Runs from before this was marked say nothing of it on either side.
        if isinstance(ours, Answered) and isinstance(other, Answered) and ours.timed_in != other.timed_in:
            found.add(place)
    return frozenset(found)


def _untimed(result: Result, names: AbstractSet[str]) -> Result:
    scores = {
        name: Measured(Unscored(APART)) if name in names and isinstance(measured.score, Scored) else measured
        for name, measured in result.scores.items()
    }
    return replace(result, scores=scores)


def _apart(rows: Sequence[tuple[Unit, ...]], store: EvaluationStore) -> frozenset[Digest]:
    kept = store.answers([unit.key for row in rows for unit in row])
    runs = {key: outcome.timed_in for key, one in kept.items() if isinstance(outcome := outcome_of(one), Answered)}
    found: set[Digest] = set()
    for row in rows:
        of_row = {runs.get(unit.key, "") for unit in row}
        if len(of_row) > 1 or "" in of_row:
            found.update(unit.key for unit in row if unit.key in kept)
    return frozenset(found)
