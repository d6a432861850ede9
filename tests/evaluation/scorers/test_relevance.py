from __future__ import annotations

import pytest
from tests.evaluation.scorers.building import HOTEL, reason, sample, value

from assay.errors import InputError
from assay.evaluation.scorers.relevance import Relevance
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio


async def test_the_judge_sees_no_passages() -> None:
    judge = ScriptedJudge({"relevance": 0.5})
    found = await Relevance(judge).score(sample("It depends.", passages=(HOTEL,)))
    assert value(found["relevance"].score) == 0.5
    assert judge.items[0].fields == {"question": "How much may a hotel cost?", "answer": "It depends."}


async def test_abstentions_and_unknown_questions_are_not_judged() -> None:
    judge = ScriptedJudge({"relevance": 0.5})
    assert reason((await Relevance(judge).score(sample("", abstained="x")))["relevance"].score) == "abstained"
    assert "question" in reason((await Relevance(judge).score(sample("It.", question=" ")))["relevance"].score)
    assert not judge.items


async def test_a_judge_must_know_the_rubric() -> None:
    with pytest.raises(InputError, match="knows no rubric"):
        Relevance(ScriptedJudge({"faithfulness": 1.0}))
