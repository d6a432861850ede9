from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from tests.evaluation.scorers.building import HOLIDAYS, HOTEL, TRAINS, reason, sample, value

from assay.evaluation.judges.offline import faithfulness
from assay.evaluation.judges.opening import Bench
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.scorers import checking
from assay.evaluation.scorers.context import Context
from assay.scores import Unscored
from assay.testing.judge import Says, ScriptedJudge

pytestmark = pytest.mark.anyio


def useful(*words: str) -> ScriptedJudge:
    def judged(item: Item) -> Says:
        if item.rubric == "context_relevance":
            return float(any(word in item.fields["passage"] for word in words))
        return {"30 days": 0.5, "140 euros": 1.0}.get(item.fields["expected"], 0.0)

    return ScriptedJudge(judged)


async def test_precision_rewards_useful_passages_that_stand_first() -> None:
    first = await Context(useful("hotel")).score(sample(passages=(HOTEL, TRAINS, HOLIDAYS)))
    last = await Context(useful("hotel")).score(sample(passages=(TRAINS, HOLIDAYS, HOTEL)))
    assert value(first["context_precision"].score) == 1.0
    assert value(last["context_precision"].score) == pytest.approx(1 / 3)
    assert last["context_precision"].detail == {"by": "judge", "useful": [False, False, True]}


async def test_no_useful_passage_is_0() -> None:
    found = await Context(useful("submarine")).score(sample(passages=(HOTEL, TRAINS)))
    assert value(found["context_precision"].score) == 0.0


async def test_the_best_expected_answer_counts_and_ends_the_search() -> None:
    judge = useful()
    asked = sample(passages=(HOTEL,), expected=("30 days", "140 euros", "never asked"))
    found = (await Context(judge).score(asked))["context_recall"]
    assert value(found.score) == 1.0
    assert found.detail["expected"] == "140 euros"
    assert [i.fields["expected"] for i in judge.items if i.rubric == "context_recall"] == ["30 days", "140 euros"]


async def test_without_a_judge_documents_decide() -> None:
    found = await Context().score(sample(passages=(HOLIDAYS, HOTEL), relevant=("travel.md", "other.md")))
    assert value(found["context_precision"].score) == 0.5
    assert value(found["context_recall"].score) == 0.5
    assert found["context_recall"].detail == {"by": "relevant", "missing": ["other.md"]}


async def test_without_a_judge_claims_of_the_expected_answer_are_looked_up() -> None:
    expected = ("A hotel may cost up to 140 euros a night. Every employee has 45 days of paid holiday each year.",)
    found = (await Context().score(sample(passages=(HOTEL, HOLIDAYS), expected=expected)))["context_recall"]
    assert value(found.score) == 0.5
    assert [row["supported"] for row in found.detail["claims"]] == [True, False]


async def test_a_bare_number_is_a_claim_to_look_up() -> None:
    held = (await Context().score(sample(passages=(HOTEL,), expected=("140",))))["context_recall"]
    assert value(held.score) == 1.0
    missed = (await Context().score(sample(passages=(HOTEL,), expected=("150",))))["context_recall"]
    assert value(missed.score) == 0.0


async def test_no_passages_hold_nothing() -> None:
    found = await Context(useful()).score(sample(passages=(), expected=("140 euros",)))
    assert "no passages" in reason(found["context_precision"].score)
    assert value(found["context_recall"].score) == 0.0


async def test_an_abstention_is_scored_for_its_passages() -> None:
    found = await Context(useful("hotel")).score(
        sample("", abstained="unsupported", passages=(HOTEL,), answerable=True)
    )
    assert value(found["context_precision"].score) == 1.0


async def test_what_nothing_is_known_of_is_unscored() -> None:
    for asked in (sample(passages=(HOTEL,)), sample(expected=("x",)), sample(answerable=False, passages=(HOTEL,))):
        for found in (await Context().score(asked)).values():
            assert reason(found.score)


async def test_one_passage_that_cannot_be_judged_leaves_no_half_score() -> None:
    judge = ScriptedJudge({"context_relevance": Verdict(Unscored("the passage is empty"))})
    found = (await Context(judge).score(sample(passages=(HOTEL,))))["context_precision"]
    assert "the passage is empty" in reason(found.score)


@pytest.mark.parametrize(
    ("judge", "counted"),
    [(None, checking), (Bench().open("offline"), faithfulness)],
    ids=["lexical", "offline"],
)
async def test_the_passages_are_indexed_once_for_all_claims_of_a_case(
    judge: Judge | None, counted: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[str] = []
    whole = counted.ground if judge is None else counted.evidence

    def counting(evidence: Any, **about: str) -> Any:
        indexed.append(str(evidence))
        return whole(evidence, **about)

    monkeypatch.setattr(counted, "ground" if judge is None else "evidence", counting)
    expected = (" ".join(f"The reading room {n} opens at {n} in the morning." for n in range(1, 9)),)
    # Words of this test alone: what another one has indexed must not count.
    passage = replace(HOTEL, text=f"{HOTEL.text} Once for {counted.__name__} the reading room opens.")
    found = (await Context(judge).score(sample(passages=(passage, TRAINS), expected=expected)))["context_recall"]
    assert len(found.detail["claims"]) == 8
    assert len(indexed) == 1
