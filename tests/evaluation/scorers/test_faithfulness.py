from __future__ import annotations

import pytest
from tests.evaluation.scorers.building import HOLIDAYS, HOTEL, reason, sample, value

from assay.errors import InputError, ModelTimeout
from assay.evaluation.judging import Verdict
from assay.evaluation.scorers.faithfulness import Faithfulness
from assay.evaluation.scoring import Spent, measure
from assay.scores import Scored, Unscored
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio

SAID = "A hotel may cost up to 140 euros a night. Breakfast is extra."


async def test_the_judge_reads_question_passages_and_answer() -> None:
    judge = ScriptedJudge({"faithfulness": 0.5})
    found = (await Faithfulness(judge).score(sample(SAID, passages=(HOTEL, HOLIDAYS))))["faithfulness"]
    assert value(found.score) == 0.5
    assert judge.items[0].fields == {
        "question": "How much may a hotel cost?",
        "contexts": f"Travel\n{HOTEL.text}\n\nHolidays\n{HOLIDAYS.text}",
        "answer": SAID,
    }


async def test_a_question_that_is_not_known_is_left_out() -> None:
    judge = ScriptedJudge({"faithfulness": 1.0})
    await Faithfulness(judge).score(sample(SAID, question=" ", passages=(HOTEL,)))
    assert "question" not in judge.items[0].fields


async def test_unsupported_claims_become_places_in_the_answer() -> None:
    told = {
        "unsupported": [[42, 61], "Breakfast is extra.", {"start": 0, "end": 7}, "not said", [50, 900]],
        "model": "m",
    }
    verdict = Verdict(Scored(0.5), "one is invented", told, spent=Spent(1, 10, 2, 0.1))
    found = (await Faithfulness(ScriptedJudge({"faithfulness": verdict})).score(sample(SAID, passages=(HOTEL,))))[
        "faithfulness"
    ]
    assert found.detail["unsupported"] == [[42, 61], [42, 61], [0, 7]]
    assert SAID[42:61] == "Breakfast is extra."
    assert found.detail["reason"] == "one is invented"
    assert found.detail["model"] == "m"
    assert found.spent.calls == 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (sample("", abstained="not_in_corpus", passages=(HOTEL,)), "abstained"),
        (sample("I don't know.", passages=(HOTEL,)), "abstained"),
        (sample(" ", passages=(HOTEL,)), "empty"),
        (sample(SAID), "not known"),
        (sample(SAID, passages=()), "no passages"),
    ],
)
async def test_what_cannot_be_judged_costs_no_call(asked: object, why: str) -> None:
    judge = ScriptedJudge({"faithfulness": 1.0})
    found = (await Faithfulness(judge).score(asked))["faithfulness"]  # type: ignore[arg-type]
    assert why in reason(found.score)
    assert not judge.items


async def test_a_judge_without_a_value_or_that_fails_is_no_score() -> None:
    asked = sample(SAID, passages=(HOTEL,))
    gap = Faithfulness(ScriptedJudge({"faithfulness": Verdict(Unscored("there is no claim to judge"))}))
    assert reason((await gap.score(asked))["faithfulness"].score) == "there is no claim to judge"
    broken = Faithfulness(ScriptedJudge({"faithfulness": ModelTimeout("no answer", model="m")}))
    found = (await measure(broken, asked))["faithfulness"]
    assert "ModelTimeout" in reason(found.score)
    assert not found.lasting


async def test_a_judge_must_know_the_rubric() -> None:
    with pytest.raises(InputError, match="knows no rubric 'faithfulness'"):
        Faithfulness(ScriptedJudge({"relevance": 1.0}))
