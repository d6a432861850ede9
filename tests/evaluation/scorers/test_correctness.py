from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.scorers.building import reason, sample, value

from assay.errors import InputError
from assay.evaluation.judging import Verdict
from assay.evaluation.scorers.correctness import Correctness
from assay.evaluation.scorers.plain_match import match, normal
from assay.scores import Scored, Unscored
from assay.testing.judge import ScriptedJudge


@pytest.mark.parametrize(
    ("expected", "answer", "form"),
    [
        (["140 euros"], "140 Euros.", "exact"),
        (["The Beatles"], "beatles", "exact"),
        (["Neil Young", "N. Young"], "n young", "alias"),
        (["1,200"], "1200", "numeric"),
        (["1.2 million dollars"], "$1,200,000", "numeric"),
        (["140 euros"], "140", "numeric"),
        (["five"], "5", "numeric"),
        (["1.5"], "15", None),
        (["-5"], "5", None),
        (["30 days"], "30 hours", None),
        (["1939-45"], "1939", None),
        (["12:30"], "12", None),
        (["Paris"], "It is not Paris.", None),
        (["Paris"], "Paris or Lyon", None),
        (["2"], "2 or 3", None),
        (["x"], "", None),
        (["…"], "!", None),
        (["C++"], "C", None),
    ],
)
def test_plain_matches(expected: list[str], answer: str, form: str | None) -> None:
    found = match(expected, answer)
    assert (found.form if found else None) == form


@given(st.text(max_size=40))
def test_a_text_with_words_matches_itself(text: str) -> None:
    assert (match([text], f" {text}\n") is not None) is bool(normal(text))


@pytest.mark.anyio
async def test_a_plain_match_asks_nobody() -> None:
    judge = ScriptedJudge({"correctness": 0.0})
    found = await Correctness(judge).score(sample("140 euros", expected=("EUR 140", "140 euros")))
    assert value(found["correctness"].score) == value(found["correctness_f1"].score) == 1.0
    assert found["correctness"].detail["match"] == "alias"
    assert not judge.items


@pytest.mark.anyio
async def test_the_judge_decides_what_is_not_plain() -> None:
    verdict = Verdict(Scored(0.7), "nearly", {"tp": 1, "fp": 1, "fn": 2, "match": "number"})
    judge = ScriptedJudge({"correctness": verdict})
    found = await Correctness(judge).score(sample("About 140, I think.", expected=("140 euros", "EUR\n140")))
    assert value(found["correctness"].score) == 0.7
    assert value(found["correctness_f1"].score) == pytest.approx(2 / 5)
    assert found["correctness"].detail == {"tp": 1, "fp": 1, "fn": 2, "match": "number", "reason": "nearly"}
    assert judge.items[0].fields["expected"] == "140 euros\nEUR 140"


@pytest.mark.anyio
async def test_an_abstention_is_wrong_where_there_is_an_answer() -> None:
    for asked in (
        sample("", abstained="not_in_corpus", expected=("x",)),
        sample("I don't know.", expected=("x",)),
        sample(" ", expected=("x",)),
    ):
        found = await Correctness(ScriptedJudge({"correctness": 1.0})).score(asked)
        assert value(found["correctness"].score) == value(found["correctness_f1"].score) == 0.0
        assert found["correctness"].detail["reason"]
        assert found["correctness"].detail["fn"] == 1


@pytest.mark.anyio
async def test_none_may_be_the_right_answer() -> None:
    found = await Correctness().score(sample("None.", expected=("none",)))
    assert value(found["correctness"].score) == 1.0


@pytest.mark.anyio
async def test_what_cannot_be_told_is_unscored() -> None:
    judge = ScriptedJudge({"correctness": Verdict(Unscored("no"))})
    for asked in (
        sample("", abstained="x", answerable=False),
        sample("x", answerable=False, expected=("x",)),
        sample("x"),
        sample("x", expected=()),
        sample("long", expected=("y",)),
    ):
        assert all(reason(found.score) for found in (await Correctness(judge).score(asked)).values())
    assert "no judge" in reason((await Correctness().score(sample("a", expected=("b",))))["correctness"].score)


@pytest.mark.anyio
async def test_without_claim_counts_there_is_no_f1() -> None:
    found = await Correctness(ScriptedJudge({"correctness": 1.0})).score(sample("a b", expected=("c",)))
    assert value(found["correctness"].score) == 1.0
    assert "counts no claims" in reason(found["correctness_f1"].score)


def test_a_judge_must_know_the_rubric() -> None:
    with pytest.raises(InputError, match="knows no rubric"):
        Correctness(ScriptedJudge({"faithfulness": 1.0}))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("score", "counts", "told"),
    [
        (0.0, {"tp": 1, "fp": 0, "fn": 0}, None),
        (1.0, {"tp": 0, "fp": 0, "fn": 1}, None),
        (0.0, {"tp": 1, "fp": 1, "fn": 0}, 2 / 3),
        (1.0, {"tp": 1, "fp": 1, "fn": 0}, 2 / 3),
    ],
)
async def test_counts_that_contradict_the_verdict_are_no_score(
    score: float, counts: dict[str, int], told: float | None
) -> None:
    judge = ScriptedJudge({"correctness": Verdict(Scored(score), "", counts)})
    found = await Correctness(judge).score(sample("Up to 180 euros.", expected=("140 euros",)))
    assert value(found["correctness"].score) == score
    if told is None:
        assert "contradict" in reason(found["correctness_f1"].score)
    else:
        assert value(found["correctness_f1"].score) == pytest.approx(told)
