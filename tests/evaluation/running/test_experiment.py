"""Nothing is asked twice, nothing is lost, and whatever fails is a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import text

from assay.errors import InputError, ModelUnavailable, RateLimited, StoreError
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.running.limiter import Limiter, Patience
from assay.evaluation.running.making import Limits
from assay.evaluation.running.progress import Progress
from assay.evaluation.samples import Answered, Failed, Outcome, Passage, Sample
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.models.chat import Usage
from assay.scores import Score, Scored, Unscored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

pytestmark = pytest.mark.anyio


@dataclass
class Answerer:
    """A subject that counts what it is asked. ``fails`` names questions and what they raise."""

    identity: str = "release-1"
    state: str = "index-1"
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    wait: float = 0.0

    async def ask(self, case: Case, repeat: int) -> Outcome:
        self.asked[case.question] += 1
        number = self.asked.total()
        await anyio.sleep(self.wait)
        if (error := self.fails.get(case.question)) is not None:
            raise error
        passage = Passage("d1", 0, 5, "wörds")
        return Answered(
            f"answer to {case.question}",
            ("d1",),
            (passage,),
            cost=0.01,
            usage=Usage(100, 10),
            milliseconds=float(number),
        )


@dataclass
class Counting:
    """A scorer that counts what it scores."""

    name: str = "quality"
    identity: str = "quality@1"
    metrics: tuple[Metric, ...] = (Metric("quality"), Metric("other"))
    gives: Score = field(default_factory=lambda: Scored(0.5))
    raises: list[Exception] = field(default_factory=list)
    scored: Counter[str] = field(default_factory=Counter)
    wait: float = 0.0

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        self.scored[sample.case.question] += 1
        await anyio.sleep(self.wait)
        if self.raises:
            raise self.raises.pop(0)
        spent = (Spent(1, 50, 5, 0.001), Spent())
        return {
            metric.name: Measured(self.gives, {"spans": [(0, 3)]}, cost)
            for metric, cost in zip(self.metrics, spent, strict=False)
        }


def latency() -> Counting:
    return Counting("latency", "latency@1", (Metric("latency", "milliseconds", higher_is_better=False),))


def cases(count: int = 20) -> Dataset:
    return Dataset("small", tuple(Case(f"c{i}", f"question {i}") for i in range(count)))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "state.db")


@pytest.fixture
def store(database: Database) -> EvaluationStore:
    return EvaluationStore(database)


def quick(most: int = 8) -> Limits:
    async def no_sleep(seconds: float) -> None:
        await anyio.lowlevel.checkpoint()

    time = [0.0]

    def clock() -> float:
        time[0] += 1000.0  # every pause is over when it is looked at again
        return time[0]

    return Limits(*(Limiter(most, Patience(attempts=4, sleep=no_sleep, clock=clock)) for _ in range(2)))


async def test_run_again_unchanged_calls_nobody_and_says_the_same(store: EvaluationStore) -> None:
    answerer, quality, slow = Answerer(), Counting(), latency()
    first = await run(answerer, cases(), [quality, slow], store=store)
    assert (first.work.answers, first.work.scores) == (20, 40)
    assert (first.work.answering.calls, first.work.answering.input_tokens) == (20, 2000)
    assert first.work.answering.cost == pytest.approx(0.2)
    assert first.work.scoring.calls == 40
    assert [result.case.id for result in first] == [f"c{i}" for i in range(20)]
    again = await run(answerer, cases(), [quality, slow], store=store)
    assert answerer.asked.total() == quality.scored.total() == slow.scored.total() == 20
    assert (again.work.answers, again.work.answers_reused, again.work.scores, again.work.scores_reused) == (
        0,
        20,
        0,
        40,
    )
    assert again.work.answering == again.work.scoring == Spent()
    assert again.results == first.results
    assert first.id != again.id


async def test_one_changed_case_runs_alone(store: EvaluationStore) -> None:
    answerer, quality = Answerer(), Counting()
    before = cases()
    await run(answerer, before, [quality], store=store)
    changed = replace(before.cases[7], question="What else?")
    renamed = replace(before.cases[8], id="renamed", tags={"topic": "new"})
    after = Dataset("small", (*before.cases[:7], changed, renamed, *before.cases[9:]))
    found = await run(answerer, after, [quality], store=store)
    assert answerer.asked == {case.question: 1 for case in (*before.cases, changed)}
    assert quality.scored == answerer.asked
    assert found.results[8].case.id == "renamed"


async def test_another_expected_answer_is_scored_anew_and_asked_nobody(store: EvaluationStore) -> None:
    answerer, quality = Answerer(), Counting()
    before = cases()
    await run(answerer, before, [quality], store=store)
    changed = replace(before.cases[7], expected=("yes",))
    twice = replace(before.cases[7], id="twice", expected=("no",))
    after = Dataset("small", (*before.cases[:7], changed, twice, *before.cases[8:]))
    found = await run(answerer, after, [quality], store=store)
    assert answerer.asked.total() == len(before.cases)
    assert quality.scored.total() == len(before.cases) + 2
    assert [result.case.expected for result in found.results[7:9]] == [("yes",), ("no",)]


async def test_a_changed_scorer_scores_again_and_asks_nobody(store: EvaluationStore) -> None:
    answerer, quality, slow = Answerer(), Counting(), latency()
    await run(answerer, cases(), [quality, slow], store=store)
    other = Counting(identity="quality@2", gives=Scored(1.0))
    found = await run(answerer, cases(), [other, slow], store=store)
    assert (answerer.asked.total(), other.scored.total(), slow.scored.total()) == (20, 20, 20)
    assert {result.score("quality") for result in found} == {Scored(1.0)}


@pytest.mark.parametrize("other", [Answerer("release-2"), Answerer(state="index-2")])
async def test_a_changed_subject_is_asked_again_and_what_it_says_alike_is_not_scored_again(
    store: EvaluationStore, other: Answerer
) -> None:
    quality, slow = Counting(), latency()
    await run(Answerer(), cases(), [quality, slow], store=store)
    other.asked["before"] = 100  # so that it takes other times
    found = await run(other, cases(), [quality, slow], store=store)
    assert other.asked.total() == 120
    assert quality.scored.total() == 20
    assert slow.scored.total() == 40
    assert (found.work.scores, found.work.scores_reused) == (20, 20)


async def test_repeats_are_asked_each_and_scored_once_where_they_say_the_same(store: EvaluationStore) -> None:
    answerer, quality, slow = Answerer(wait=0.001), Counting(wait=0.001), latency()
    found = await run(answerer, cases(5), [quality, slow], store=store, repeats=3)
    assert set(answerer.asked.values()) == {3}
    assert set(quality.scored.values()) == {1}
    assert slow.scored.total() == 15
    assert [(result.case.id, result.repeat) for result in found][:4] == [("c0", 0), ("c0", 1), ("c0", 2), ("c1", 0)]
    more = await run(answerer, cases(5), [quality, slow], store=store, repeats=4)
    assert (more.work.answers, more.work.answers_reused) == (5, 15)


async def test_cases_that_ask_the_same_are_asked_once(store: EvaluationStore) -> None:
    twins = Dataset("twins", (Case("a", "same?"), Case("b", "same?"), Case("c", "other?")))
    answerer, quality = Answerer(), Counting()
    found = await run(answerer, twins, [quality], store=store)
    assert answerer.asked == quality.scored == {"same?": 1, "other?": 1}
    assert [result.case.id for result in found] == ["a", "b", "c"]


async def test_a_subject_that_raises_is_a_failure_and_is_asked_again_next_time(store: EvaluationStore) -> None:
    fails: dict[str, Exception] = {"question 3": ModelUnavailable("down", model="m"), "question 4": KeyError("bug")}
    answerer, quality = Answerer(fails=fails), Counting()
    count = Counting("errors", "errors@1", (Metric("errors", of_failures=True),))
    found = await run(answerer, cases(), [quality, count], store=store)
    failed = {r.case.id: r for r in found if isinstance(r.outcome, Failed)}
    assert {id: r.outcome.kind for id, r in failed.items()} == {"c3": "ModelUnavailable", "c4": "KeyError"}  # type: ignore[union-attr]
    assert failed["c3"].score("quality") == Unscored("the answer failed: ModelUnavailable")
    assert failed["c3"].score("errors") == Scored(0.5)
    assert quality.scored.total() == 18
    answerer.fails.clear()
    mended = await run(answerer, cases(), [quality, count], store=store)
    assert not [r for r in mended if isinstance(r.outcome, Failed)]
    assert answerer.asked.total() == 22
    assert (mended.work.answers, mended.work.answers_reused) == (2, 18)


async def test_a_scorer_that_raises_is_unscored_and_scores_again_next_time(store: EvaluationStore) -> None:
    broken = Counting(raises=[ModelUnavailable("down", model="judge"), ZeroDivisionError("bug")])
    found = await run(Answerer(), cases(), [broken], store=store)
    unscored = [r for r in found if isinstance(r.score("quality"), Unscored)]
    assert len(unscored) == 2
    assert "ZeroDivisionError: bug" in " ".join(str(r.score("quality")) for r in unscored)
    again = await run(Answerer(), cases(), [broken], store=store)
    assert broken.scored.total() == 22
    assert not [r for r in again if isinstance(r.score("quality"), Unscored)]


async def test_what_a_failed_score_cost_is_counted(store: EvaluationStore) -> None:
    class Dear(ModelUnavailable):
        spent = Spent(2, 70, 7, 0.5)

    found = await run(Answerer(), cases(1), [Counting(raises=[Dear("down", model="judge")])], store=store)
    assert found.work.scoring == Spent(2, 70, 7, 0.5)


async def test_unscored_for_a_lasting_reason_is_kept(store: EvaluationStore) -> None:
    claimless = Counting(gives=Unscored("the answer makes no claim"))
    await run(Answerer(), cases(), [claimless], store=store)
    again = await run(Answerer(), cases(), [claimless], store=store)
    assert claimless.scored.total() == 20
    assert again.results[0].score("quality") == Unscored("the answer makes no claim")


async def test_a_rate_limit_is_waited_out(store: EvaluationStore) -> None:
    refusals: list[Exception] = [RateLimited("slow", model="judge", retry_after=2.0) for _ in range(3)]
    judged = Counting(raises=refusals)
    answerer = Answerer(fails={"question 5": RateLimited("slow", model="m")})
    found = await run(answerer, cases(), [judged], store=store, limits=quick())
    assert judged.scored.total() == 19 + 3
    assert all(isinstance(r.score("quality"), Scored) for r in found if r.case.id != "c5")
    assert answerer.asked["question 5"] == 4
    assert isinstance(found.results[5].outcome, Failed)
    assert found.results[5].outcome.kind == "RateLimited"


async def test_a_rate_limit_without_end_is_unscored_and_not_kept(store: EvaluationStore) -> None:
    judged = Counting(raises=[RateLimited("slow", model="judge") for _ in range(8)])
    found = await run(Answerer(), cases(2), [judged], store=store, limits=quick())
    assert all("rate limit" in str(r.score("quality")) for r in found)
    assert store.count() == (2, 0)


async def test_a_failed_outcome_of_a_rate_limit_is_asked_again(store: EvaluationStore) -> None:
    asked = 0

    async def ask(case: Case) -> Outcome:
        nonlocal asked
        asked += 1
        return Failed("RateLimited", "m: slow down") if asked < 3 else Answered("at last")

    found = await run(subject("s", ask), cases(1), [], store=store, limits=quick())
    assert found.results[0].outcome.text == "at last"  # type: ignore[union-attr]


async def test_answers_that_cannot_be_kept_fail_and_details_that_are_not_json_are_told(store: EvaluationStore) -> None:
    async def ask(case: Case) -> Outcome:
        strange = float("nan") if case.id == "c0" else 0.5
        return Answered("\ud800 \0", confidence=strange, state={"when": (1, 2), "what": {3}, 4: object})

    class Strange(Counting):
        async def score(self, sample: Sample) -> Mapping[str, Measured]:
            return {"quality": Measured(Scored(1.0), {"at": float("nan"), "of": object})}

    strange = Strange(metrics=(Metric("quality"),))
    first = await run(subject("s", ask), cases(2), [strange], store=store)
    assert isinstance(first.results[0].outcome, Failed)
    assert "cannot be kept" in first.results[0].outcome.message
    again = await run(subject("s", ask), cases(2), [strange], store=store)
    assert again.results == first.results


async def test_cancelled_it_keeps_what_was_finished(store: EvaluationStore) -> None:
    answerer, quality = Answerer(), Counting()

    class Leave:
        def show(self, progress: Progress) -> None:
            if progress.done >= 5:
                scope.cancel()

    quality.wait = 0.03
    with anyio.CancelScope() as scope:
        await run(answerer, cases(200), [quality], store=store, concurrency=4, progress=Leave())
    assert scope.cancelled_caught
    answers, scores = store.count()
    assert answers >= 5
    assert scores >= 5
    assert answerer.asked.total() - answers <= 4
    quality.wait = 0.0
    await run(answerer, cases(200), [quality], store=store)
    assert answerer.asked.total() <= 204
    assert quality.scored.total() <= 204


async def test_no_more_at_once_than_allowed_and_scores_begin_before_the_last_answer(store: EvaluationStore) -> None:
    running = most = 0
    order: list[str] = []

    async def ask(case: Case) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(0.002)
        running -= 1
        order.append("answer")
        return case.question

    class Noting(Counting):
        async def score(self, sample: Sample) -> Mapping[str, Measured]:
            order.append("score")
            return await super().score(sample)

    await run(subject("s", ask), cases(60), [Noting()], store=store, concurrency=3)
    assert most == 3
    assert order.index("score") <= 10


async def test_a_broken_store_ends_the_run_with_its_own_words(store: EvaluationStore, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("drop table answers"))
        connection.execute(text("create table answers (key text primary key, wrong text)"))
    with pytest.raises(StoreError):
        await run(Answerer(), cases(), [Counting()], store=store)


async def test_a_store_that_breaks_on_the_way_ends_the_run(store: EvaluationStore, database: Database) -> None:
    class Breaking(Counting):
        async def score(self, sample: Sample) -> Mapping[str, Measured]:
            with database.write() as connection:
                connection.execute(text("drop table if exists scores"))
            return await super().score(sample)

    with pytest.raises(StoreError, match="scores"):
        await run(Answerer(), cases(300), [Breaking()], store=store)


async def test_progress_counts_up_to_the_whole(store: EvaluationStore) -> None:
    shown: list[Progress] = []

    class Watching:
        def show(self, progress: Progress) -> None:
            shown.append(progress)

    await run(Answerer(), cases(10), [Counting()], store=store)
    answerer = Answerer(fails={"question 15": ValueError("no")})
    await run(answerer, cases(), [Counting()], store=store, progress=Watching())
    first, last = shown[0], shown[-1]
    assert (first.done, first.total, first.known, first.rate) == (10, 20, 10, None)
    assert (last.done, last.known, last.answers_made, last.scores_made, last.failed) == (20, 10, 10, 10, 1)
    assert last.unscored == 2
    assert last.rate is not None
    assert last.remaining == 0
    assert last.cost == pytest.approx(9 * 0.01 + 9 * 0.001)


async def test_what_cannot_be_a_run_is_refused(store: EvaluationStore) -> None:
    with pytest.raises(InputError, match="'quality'"):
        await run(Answerer(), cases(), [Counting(), Counting("again", "again@1")], store=store)
    with pytest.raises(InputError, match="'a'"):
        await run(Answerer(), Dataset("d", (Case("a", "1"), Case("a", "2"))), [], store=store)
    with pytest.raises(InputError, match="at least once"):
        await run(Answerer(), cases(), [], store=store, repeats=0)


async def test_a_plain_callable_is_a_subject(store: EvaluationStore) -> None:
    async def ask(case: Case) -> str:
        if case.id == "c1":
            raise ValueError("no idea")
        return case.question.upper()

    found = await run(subject("upper@1", ask), cases(2), [], store=store, label="mine", now=5.0)
    assert isinstance(found.results[0].outcome, Answered)
    assert found.results[0].outcome.text == "QUESTION 0"
    assert found.results[0].outcome.milliseconds is not None
    assert isinstance(found.results[1].outcome, Failed)
    assert found.results[1].outcome.message == "no idea"
    assert (found.label, found.subject, found.started, found.dataset) == ("mine", "upper@1", 5.0, "small")
