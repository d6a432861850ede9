"""Two rankings in one list: drawn fairly, credited to whom it belongs, decided at any time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.events import Answer
from assay.documents import Chunk, Citation, Scalar
from assay.errors import InputError, StoreError
from assay.evaluation.cases import Case, Dataset
from assay.models.chat import Usage
from assay.retrieval.found import Candidate, Found
from assay.rollouts.experiments.drafting import Wins, draft, win_rate
from assay.rollouts.experiments.interleaving import TEAMS, InterleavedRetriever, preferred
from assay.rollouts.experiments.ranked import asked_cases, judged, ranked
from assay.statistics.paired import compare

RANKING = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(first=RANKING, second=RANKING, seed=st.text(max_size=4), length=st.integers(1, 8))
def test_a_draft_holds_each_item_once_and_both_rankings_beginnings(
    first: list[str], second: list[str], seed: str, length: int
) -> None:
    made = draft(first, second, seed=seed, length=length)
    assert len(set(made.items)) == len(made.items) == min(length, len({*first, *second}))
    assert list(made.shared) == first[: len(made.shared)] == second[: len(made.shared)]
    assert made == draft(first, second, seed=seed, length=length)
    for team, ranking in (("first", first), ("second", second)):
        picks = [slot.item for slot in made.slots if slot.team == team]
        assert picks == [item for item in ranking if item in picks]


def test_what_both_begin_with_belongs_to_neither() -> None:
    made = draft("abcd", "abdc", seed="x", length=4)
    assert made.shared == ("a", "b")
    assert sorted(slot.item for slot in made.slots) == ["c", "d"]
    same = judged(Case("1", "q", relevant=("a",)), "abcd", "abdc")
    assert same.preference == "tie"


def test_a_win_rate_is_bounded_at_all_times() -> None:
    missed = 0
    for seed in range(60):
        generator, wins, losses = random.Random(seed), 0, 0
        for at in range(150):
            won = generator.random() < 0.6
            wins, losses = wins + won, losses + (not won)
            if at % 6:
                continue
            found = win_rate(wins, losses)
            assert found is not None
            if not found.low <= 0.6 <= found.high:
                missed += 1
                break
    assert missed <= 6
    assert win_rate(0, 0) is None
    only = win_rate(30, 0)
    assert only is not None
    assert (only.high, only.low > 0.5) == (1.0, True)


def test_the_bounds_leave_one_half_when_the_test_decides() -> None:
    wins = Wins(0.05)
    for at in range(100):
        wins.add("second" if at % 3 else "first")
        rate = wins.rate()
        assert rate is not None
        assert (rate.low > 0.5 or rate.high < 0.5) == (wins.test.log_e >= 2.995732273553991)


class Ranking:
    """Finds these chunks, or fails."""

    def __init__(self, ids: Sequence[str], error: Exception | None = None, *, seconds: float = 0.0) -> None:
        self.ids, self.error, self.seconds = ids, error, seconds

    async def search(self, question: str, *, k: int, groups: frozenset[str], where: Mapping[str, Scalar]) -> Found:
        assert groups == frozenset({"public", "staff"})
        assert dict(where) == {"year": 2026}
        await anyio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        chunks = [Chunk(id, f"{id}.md", 0, 0, 4, f"text {id}", id) for id in self.ids[:k]]
        hits = tuple(Candidate(chunk, 1.0, {"dense": rank}) for rank, chunk in enumerate(chunks, 1))
        return Found(question, "dense", hits, hits, "i", 1, 0.1)


async def found(retriever: InterleavedRetriever) -> Found:
    return await retriever.search("q", k=4, groups=frozenset({"public", "staff"}), where={"year": 2026})


def answered(found: Found, *cited: str) -> Answer:
    citations = tuple(Citation(f"{id}.md", id, 0, 4, "text", "It is so.") for id in cited)
    return Answer("It is so.", citations, None, 0.9, "m", "r", "t", Usage(), 0.0, 1.0, 1.0, found=found)


@pytest.mark.anyio
async def test_an_answer_credits_the_release_whose_passages_it_cites() -> None:
    got = await found(InterleavedRetriever(Ranking("abcd"), Ranking("aefg"), "seed"))
    assert got.hits[0].chunk.id == "a"
    assert len(got.hits) == 4
    assert not any(mark in got.hits[0].ranks for mark in TEAMS.values())
    firsts = [hit.chunk.id for hit in got.hits if TEAMS["first"] in hit.ranks]
    seconds = [hit.chunk.id for hit in got.hits if TEAMS["second"] in hit.ranks]
    assert sorted(firsts + seconds + ["a"]) == sorted(hit.chunk.id for hit in got.hits)
    assert preferred(answered(got, "a")) == "tie"
    assert preferred(answered(got, firsts[0])) == "first"
    assert preferred(answered(got, seconds[0], seconds[0], "a")) == "second"
    assert preferred(answered(got)) == "tie"


@pytest.mark.anyio
async def test_users_do_not_suffer_by_the_second_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.rollouts.experiments.interleaving.LONGEST_WAIT", 0.05)
    for broken in (Ranking("efgh", StoreError("gone")), Ranking("efgh", seconds=20.0)):
        got = await found(InterleavedRetriever(Ranking("abcd"), broken))
        assert [hit.chunk.id for hit in got.hits] == list("abcd")
    with pytest.raises(StoreError, match="gone"):
        await found(InterleavedRetriever(Ranking("abcd", StoreError("gone")), Ranking("efgh")))


@pytest.mark.anyio
async def test_each_first_pick_is_a_coins() -> None:
    firsts = 0
    for _ in range(200):
        got = await found(InterleavedRetriever(Ranking("abcd"), Ranking("efgh")))
        firsts += TEAMS["first"] in got.hits[0].ranks
    assert 70 < firsts < 130


class Ranker:
    """A release whose ranking of each question is known."""

    def __init__(self, rankings: Mapping[str, Sequence[str]]) -> None:
        self.rankings = rankings

    async def search(self, question: str, *, k: int, groups: frozenset[str]) -> Found:
        chunks = [Chunk(f"{id}#", id, 0, 0, 4, "text", id) for id in self.rankings[question]]
        hits = tuple(Candidate(chunk, 1.0, {}) for chunk in chunks[:k])
        return Found(question, "dense", hits, hits, "i", 1, 0.1)


def world(seed: int, questions: int, *, wins: float) -> tuple[list[Case], Ranker, Ranker]:
    """One relevant document a question, among the lower places; the second ranks it one place higher on ``wins`` of
    the questions and one lower on the others. On one in ten either of the two, by a coin, has it first and the other
    not at all: what makes nDCG noisy and says nothing."""
    generator = random.Random(seed)
    cases, first, second = [], {}, {}
    for number in range(questions):
        question, place = f"q{seed}-{number}", generator.randint(4, 8)
        base = [f"d{n}" for n in range(10)]
        lower, higher = list(base), list(base)
        lower.insert(place, "rel")
        higher.insert(place - 1, "rel")
        if generator.random() < 0.1:
            lower, higher = base, ["rel", *base]
            pair = (higher, lower) if generator.random() < 0.5 else (lower, higher)
        else:
            pair = (lower, higher) if generator.random() < wins else (higher, lower)
        first[question], second[question] = pair
        cases.append(Case(question, question, relevant=("rel",)))
    return cases, Ranker(first), Ranker(second)


def test_a_ranker_that_is_a_little_better_on_most_questions_is_found_before_ndcg_would() -> None:
    asked, found, fixed = [], 0, 0
    for seed in range(12):
        cases, first, second = world(seed, 400, wins=0.7)

        async def run(cases: list[Case] = cases, first: Ranker = first, second: Ranker = second) -> Any:
            return await ranked(first, second, cases)

        got = anyio.run(run)
        asked.append(len(got.asked))
        found += got.preferred == "second"
        everything = [judged(case, first.rankings[case.question], second.rankings[case.question]) for case in cases]
        paired = compare([each.second_ndcg for each in everything], [each.first_ndcg for each in everything])
        fixed += paired.p_value < 0.05
    assert found >= 11
    assert sorted(asked)[6] < 130
    assert fixed <= 6  # the paired test of nDCG on all 400 questions


def test_equal_rankers_are_hardly_ever_told_apart() -> None:
    told = 0
    for seed in range(60):
        cases, first, second = world(seed, 200, wins=0.5)
        wins = Wins(0.05)
        for case in cases:
            wins.add(judged(case, first.rankings[case.question], second.rankings[case.question]).preference)
        told += wins.decided
    assert told <= 8


@pytest.mark.anyio
async def test_what_is_told_of_two_rankings() -> None:
    cases, first, second = world(1, 60, wins=0.5)
    seen: list[int] = []
    got = await ranked(first, second, cases, told=lambda each: seen.append(len(each.asked)))
    assert seen == list(range(1, 61))
    told = got.as_dict()
    assert (told["questions"], told["left"], told["preferred"]) == (60, 0, None)
    assert told["first"] + told["second"] + told["ties"] == 60
    assert told["ndcg"]["needed"] is None or told["ndcg"]["needed"] > 0


def test_only_questions_whose_documents_are_known_are_asked() -> None:
    cases = tuple(Case(str(at), "q", relevant=("d",) if at % 2 else None) for at in range(6))
    assert {case.id for case in asked_cases(Dataset("x", cases))} == {"1", "3", "5"}
    with pytest.raises(InputError, match="which documents are relevant"):
        asked_cases(Dataset("x", cases[:1]))
