"""Two subjects' times are compared where both were asked side by side, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from assay.evaluation.cases import Case, Dataset
from assay.evaluation.comparison import compare
from assay.evaluation.records import Run
from assay.evaluation.running.experiment import Entrant, run, run_side_by_side
from assay.evaluation.running.forecast import forecast
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.making import Limits
from assay.evaluation.running.progress import Progress
from assay.evaluation.running.timing import apart_of, comparable, warnings
from assay.evaluation.samples import Answered, Outcome
from assay.evaluation.scorers.latency import Latency
from assay.evaluation.verdicts import Fail, Guard, Inconclusive, Pass
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

pytestmark = pytest.mark.anyio
CASES = Dataset("d", tuple(Case(f"c{i}", f"question {i}") for i in range(100)))
GUARDS = [Guard("latency", None, 1.5), Guard("latency", None, 1.5, 0.95)]


@dataclass
class Timed:
    """A subject that takes as long as the machine's load says, and notes in ``order`` that it was asked."""

    identity: str
    load: list[float]
    order: list[str] = field(default_factory=list)
    state: str = ""
    pause: float = 0.0
    says: str = "the same"
    asked: Counter[str] = field(default_factory=Counter)

    async def ask(self, case: Case, repeat: int) -> Outcome:
        self.order.append(f"{self.identity} {case.id}")
        self.asked[case.id] += 1
        await anyio.sleep(self.pause)
        return Answered(
            self.says, milliseconds=100 * self.load[0] * (1 + len(case.id) / 100 + self.asked.total() / 1e4)
        )


@pytest.fixture
def store(tmp_path: Path) -> EvaluationStore:
    return EvaluationStore(Database.at(tmp_path / "state.db"))


async def together(
    subjects: Sequence[Timed], store: EvaluationStore, *, retime: bool = False, cases: Dataset = CASES
) -> tuple[Run, ...]:
    limits = Limits(Limiter(4), Limiter(4))
    entrants = [Entrant(each, each.identity) for each in subjects]
    return await run_side_by_side(entrants, cases, [Latency()], store=store, limits=limits, retime=retime)


def verdicts(subject: Run, baseline: Run) -> list[object]:
    found = compare(comparable(subject, baseline, GUARDS), baseline, GUARDS)
    return [each.verdict for each in found.guards]


async def test_side_by_side_they_are_asked_case_by_case_and_in_turns(store: EvaluationStore) -> None:
    order: list[str] = []
    subjects = [Timed("new", [1.0], order, pause=0.001), Timed("live", [1.0], order, pause=0.004)]
    runs = await together(subjects, store)
    assert [run.label for run in runs] == ["new", "live"]
    assert all([result.case.id for result in run] == [case.id for case in CASES.cases] for run in runs)
    places = {case.id: [at for at, who in enumerate(order) if who.endswith(f" {case.id}")] for case in CASES.cases}
    assert all(abs(one - other) <= 3 for one, other in places.values()), "beside each other, but for what is in flight"
    first = Counter(order[min(own)].split()[0] for own in places.values())
    assert min(first.values()) >= 25, "neither is always asked first"
    assert len({result.outcome.timed_in for run in runs for result in run}) == 1  # type: ignore[union-attr]
    assert [run.work.answers for run in runs] == [100, 100]


async def test_a_load_that_only_one_was_timed_under_settles_nothing(store: EvaluationStore) -> None:
    """The same release twice in all but name; the machine was busy when the baseline was asked."""
    load = [3.0]
    baseline = await run(Timed("live", load), CASES, [Latency()], store=store)
    load[0] = 1.0
    subject = await run(Timed("new", load), CASES, [Latency()], store=store)
    assert [type(each) for each in (each.verdict for each in compare(subject, baseline, GUARDS).guards)] == [Pass, Pass]
    for verdict in verdicts(subject, baseline):
        assert isinstance(verdict, Inconclusive)
        assert "100 of 100 cases" in verdict.why
        assert "not timed side by side" in verdict.why
        assert "--fresh-latency" in verdict.why
    assert [type(each) for each in verdicts(baseline, subject)] == [Inconclusive, Inconclusive]
    other = [Guard("errors", 0.1)]
    assert comparable(subject, baseline, other) == subject
    assert "100 of 100 answers were not timed side by side" in warnings(subject, baseline, other)[0]
    assert not warnings(subject, baseline, GUARDS), "the verdict says it"


async def test_timed_side_by_side_they_are_compared_also_from_what_is_kept(store: EvaluationStore) -> None:
    load = [1.0]
    slower = Timed("slow", [2.0])
    new, live = await together([Timed("new", load), Timed("live", load)], store)
    assert [type(each) for each in verdicts(new, live)] == [Pass, Pass]
    assert not warnings(new, live, [])
    load[0] = 50.0
    again = await together([Timed("new", load), Timed("live", load)], store)
    assert [run.work.answers for run in again] == [0, 0]
    assert [run.results for run in again] == [new.results, live.results]
    slow, live = await together([slower, Timed("live", [1.0])], store, retime=True)
    assert [type(each) for each in verdicts(slow, live)] == [Fail, Fail]


async def test_with_retime_what_was_timed_apart_is_asked_anew_by_both_and_kept(store: EvaluationStore) -> None:
    half, load = Dataset("half", CASES.cases[:80]), [9.0]
    await together([Timed("new", load), Timed("live", load)], store, cases=half)
    await run(Timed("live", load), CASES, [Latency()], store=store)
    load[0] = 1.0
    new, live = Timed("new", load, says="anew"), Timed("live", load, says="anew")
    keys = await apart_of([new, live], CASES, 1, store)
    assert len(keys) == 20
    foreseen = await forecast(live, CASES, [], store=store, anew=keys)
    assert (foreseen.answers.known, foreseen.answers.missing) == (80, 20)
    runs = await together([new, live], store, retime=True)
    assert new.asked.keys() == live.asked.keys() == {case.id for case in CASES.cases[80:]}
    assert [(run.work.answers, run.work.answers_reused) for run in runs] == [(20, 80), (20, 80)]
    assert not any(isinstance(each, Inconclusive) and "side by side" in each.why for each in verdicts(*runs))
    again = await together([new, live], store, retime=True)
    assert [run.work.answers for run in again] == [0, 0]
    assert [run.results for run in again] == [run.results for run in runs]


async def test_one_in_a_hundred_that_was_timed_apart_is_left_out(store: EvaluationStore) -> None:
    load = [1.0]
    await run(Timed("live", load), Dataset("one", CASES.cases[:1]), [Latency()], store=store)
    load[0] = 1.2
    new, live = await together([Timed("new", load), Timed("live", load)], store)
    found = comparable(new, live, GUARDS)
    assert sum(isinstance(result.score("latency"), Scored) for result in found) == 99
    assert [type(each) for each in verdicts(new, live)] == [Pass, Pass]


async def test_progress_of_both_is_shown_as_one(store: EvaluationStore) -> None:
    shown: list[Progress] = []

    class Watching:
        def show(self, progress: Progress) -> None:
            shown.append(progress)

    entrants = [Entrant(Timed("new", [1.0])), Entrant(Timed("live", [1.0]))]
    limits = Limits(Limiter(4), Limiter(4))
    await run_side_by_side(entrants, CASES, [Latency()], store=store, limits=limits, progress=Watching())
    assert (shown[0].done, shown[0].total) == (0, 200)
    assert (shown[-1].done, shown[-1].answers_made, shown[-1].remaining) == (200, 200, 0)
    assert all(step.running <= step.limit == 8 for step in shown)


@dataclass
class Drifting(Timed):
    """The machine gets busier with every answer, whosever it is."""

    async def ask(self, case: Case, repeat: int) -> Outcome:
        self.load[0] *= 1.01
        return await super().ask(case, repeat)


async def test_a_load_that_grows_is_the_same_for_both_side_by_side(store: EvaluationStore, tmp_path: Path) -> None:
    load = [1.0]
    new, live = await together([Drifting("new", load), Drifting("live", load)], store)
    assert mean(new) / mean(live) == pytest.approx(1, abs=0.02)
    load, other = [1.0], EvaluationStore(Database.at(tmp_path / "other.db"))
    one, after = [await run(Drifting(each, load), CASES, [Latency()], store=other) for each in ("new", "live")]
    assert mean(one) / mean(after) < 0.5


def mean(run: Run) -> float:
    values = [score.value for result in run if isinstance(score := result.score("latency"), Scored)]
    return sum(values) / len(values)


async def test_two_runs_beside_each_other_do_not_part_a_pair(store: EvaluationStore) -> None:
    """Each takes both answers to a case, or neither: else no pair would be timed in one run."""
    order: list[str] = []
    subjects = [Timed("new", [1.0], order, pause=0.002), Timed("live", [1.0], order, pause=0.002)]
    found: list[tuple[Run, ...]] = []

    async def one() -> None:
        found.append(await together(subjects, store))

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        group.start_soon(one)
    assert len(order) == 200
    assert [warnings(new, live, []) for new, live in found] == [[], []]
    assert len({result.outcome.timed_in for result in found[0][0]}) == 2, "both had a part in it"  # type: ignore[union-attr]
