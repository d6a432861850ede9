from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.judges.values import value

from assay.errors import InputError
from assay.evaluation.judges.kept import decoded, encoded
from assay.evaluation.judges.offline.judge import OfflineJudge, passages
from assay.evaluation.judging import Item
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored
from assay.testing.embedder import HashEmbedder

pytestmark = pytest.mark.anyio

CONTEXTS = "Trains are booked in second class.\n\nA hotel may cost up to 140 euros a night, breakfast included."
TRUE = "A hotel may cost up to 140 euros a night, breakfast included."
FALSE = "The chief executive of Lufthansa earned 7 million dollars in Frankfurt in 1987."


@pytest.fixture(scope="module")
def judge() -> OfflineJudge:
    return OfflineJudge()


def faithfulness(answer: str) -> Item:
    return Item("faithfulness", {"question": "What does a hotel cost?", "contexts": CONTEXTS, "answer": answer})


async def test_faithfulness_with_its_spans(judge: OfflineJudge) -> None:
    good = await judge.judge(faithfulness(TRUE))
    answer = f"{TRUE} {FALSE}"
    bad = await judge.judge(faithfulness(answer))
    assert value(good.score) > value(bad.score)
    assert good.detail["unsupported"] == []
    assert [answer[start:end] for start, end in bad.detail["unsupported"]] == [FALSE]
    assert [claim["supported"] for claim in bad.detail["claims"]] == [True, False]
    assert [answer[claim["start"] : claim["end"]] for claim in bad.detail["claims"]] == [TRUE, FALSE]
    assert good.spent == Spent()


async def test_a_claim(judge: OfflineJudge) -> None:
    good = await judge.judge(Item("claim", {"contexts": CONTEXTS, "claim": TRUE}))
    bad = await judge.judge(Item("claim", {"contexts": CONTEXTS, "claim": FALSE}))
    assert value(good.score) > 0.5 > value(bad.score)


async def test_correctness_takes_a_right_answer_a_line(judge: OfflineJudge) -> None:
    def item(expected: str, answer: str) -> Item:
        return Item("correctness", {"question": "Which capital?", "expected": expected, "answer": answer})

    right = await judge.judge(item("Paris", "It is Paris."))
    other = await judge.judge(item("Lutetia\nParis", "It is Paris."))
    wrong = await judge.judge(item("Paris", "It is Rome."))
    assert min(value(right.score), value(other.score)) > 0.5 > value(wrong.score)
    assert (right.detail["tp"], right.detail["fp"], right.detail["fn"]) == (1, 0, 0)
    assert wrong.detail["tp"] == 0


async def test_relevance(judge: OfflineJudge) -> None:
    question = "How much may a hotel cost?"
    good = await judge.judge(Item("relevance", {"question": question, "answer": TRUE}))
    bad = await judge.judge(Item("relevance", {"question": question, "answer": "Passwords have 14 characters."}))
    assert value(good.score) > value(bad.score)


async def test_uncertain_is_how_far_from_either_end(judge: OfflineJudge) -> None:
    verdict = await judge.judge(faithfulness(TRUE))
    assert verdict.uncertain == pytest.approx(1 - abs(2 * value(verdict.score) - 1))


@pytest.mark.parametrize("empty", ["contexts", "answer"])
async def test_an_empty_field_has_no_score(judge: OfflineJudge, empty: str) -> None:
    item = faithfulness(TRUE)
    verdict = await judge.judge(Item(item.rubric, {**item.fields, empty: " \n"}))
    assert verdict.score == Unscored(f"the {empty} is empty")


async def test_i_do_not_know_claims_nothing(judge: OfflineJudge) -> None:
    assert isinstance((await judge.judge(faithfulness("I don't know."))).score, Unscored)


async def test_what_it_does_not_know(judge: OfflineJudge) -> None:
    with pytest.raises(InputError, match="no rubric 'pairwise'; it has claim, correctness"):
        await judge.judge(Item("pairwise", {}))
    with pytest.raises(InputError, match="needs the field"):
        await judge.judge(Item("claim", {"contexts": "x"}))
    assert judge.identity == OfflineJudge().identity
    assert judge.rubrics == {"claim", "correctness", "faithfulness", "relevance"}


def test_passages_are_parted_by_blank_lines() -> None:
    assert passages("One\nline.\n\n \n\nTwo.\n") == ["One\nline.", "Two.\n"]


async def test_relevance_goes_by_similarity_where_there_is_an_embedder(judge: OfflineJudge) -> None:
    embedder = HashEmbedder()
    by_both = OfflineJudge(embedder=embedder)
    item = Item("relevance", {"question": "How much may a hotel cost?", "answer": TRUE})
    assert value((await by_both.judge(item)).score) != value((await judge.judge(item)).score)
    assert embedder.texts == 2
    assert by_both.identity != judge.identity


SHARED = OfflineJudge()
TEXTS = st.text(max_size=60)


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(["faithfulness", "claim", "relevance", "correctness"]))
def test_any_text_is_a_value_in_range_or_none(one: str, other: str, rubric: str) -> None:
    fields = {
        "faithfulness": {"contexts": one, "answer": other},
        "claim": {"contexts": one, "claim": other},
        "relevance": {"question": one, "answer": other},
        "correctness": {"question": one, "expected": one, "answer": other},
    }[rubric]
    verdict = anyio.run(SHARED.judge, Item(rubric, fields))
    if isinstance(verdict.score, Scored):
        assert 0 <= verdict.score.value <= 1
    assert decoded(encoded(verdict)) == verdict
