from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InvalidOutput
from assay.evaluation.judges.forms import ClaimCounts, ClaimList, ClaimVerdicts, Form, Scale, Verdicts
from assay.evaluation.judges.parsing import EXTRACTED, NO_CLAIMS, Reading, read
from assay.scores import Scored, Unscored

YES_NO = Verdicts()
PAIR = Verdicts({"A": 1.0, "B": 0.0, "tie": 0.5})
FIVE = Scale(1, 5)
FORMS: list[Form] = [YES_NO, PAIR, FIVE, ClaimVerdicts(), ClaimList(), ClaimCounts()]


def value(reply: str, form: Form) -> float:
    score = read(reply, form, "m").score
    assert isinstance(score, Scored)
    return score.value


@pytest.mark.parametrize(
    ("reply", "form", "expected"),
    [
        ('{"reason": "stated", "verdict": "yes"}', YES_NO, 1.0),
        ('```json\n{"reason": "stated", "verdict": "No."}\n```\nI hope this helps!', YES_NO, 0.0),
        ('Sure! Here it is:\n{"verdict": true,}', YES_NO, 1.0),
        ('{"Verdict": 0}', YES_NO, 0.0),
        ('{"supported": "x", "verdict": "unsupported"}', YES_NO, 0.0),
        ("<think>It says {no} or yes?</think>\nYes, it is stated.", YES_NO, 1.0),
        ('the thought\n</think>{"verdict": "no"}', YES_NO, 0.0),
        ("Yes", YES_NO, 1.0),
        ("**No**", YES_NO, 0.0),
        ("The passage says otherwise.\n\n**Verdict:** no", YES_NO, 0.0),
        ("The verdict is: yes, it is.", YES_NO, 1.0),
        ('{"verdict": "yes"} {"verdict": "yes"}', YES_NO, 1.0),
        ('{"reason": "two\nlines", "verdict": "yes"}', YES_NO, 1.0),
        ('{"reason": "x", "winner": "b"}', PAIR, 0.0),
        ('{"verdict": "Tie"}', PAIR, 0.5),
        ("A", PAIR, 1.0),
        ('{"score": 4}', FIVE, 0.75),
        ('{"score": "5/5"}', FIVE, 1.0),
        ('{"rating": "2,5"}', FIVE, 0.375),
        ("4", FIVE, 0.75),
        ("3 out of 5", FIVE, 0.5),
        ("It is friendly.\nScore: 4/5. It greets.", FIVE, 0.75),
        ("Score: 1", FIVE, 0.0),
    ],
)
def test_what_models_write_is_read(reply: str, form: Form, expected: float) -> None:
    assert value(reply, form) == expected


@pytest.mark.parametrize(
    ("reply", "form", "said"),
    [
        ("", YES_NO, "no JSON"),
        ("I cannot judge this.", YES_NO, "no JSON"),
        ('{"verdict": "maybe"}', YES_NO, "not one of"),
        ('{"verdict": "yes" or "no"}', YES_NO, "broken"),
        ('{"verdict": null}', YES_NO, "no JSON"),
        ('{"verdict": "yes"}\n{"verdict": "no"}', YES_NO, "differ"),
        ("No. The verdict is yes.", YES_NO, "differ"),
        ('{"reason": "he wrote {"verdict": "yes"} there", "verdict": "no"}', YES_NO, "broken"),
        ('{"reason": "cut', YES_NO, "cut off"),
        ('{"verdict": ["yes"]}', YES_NO, "not one of"),
        ('{"score": 6}', FIVE, "not between"),
        ('{"score": 0}', FIVE, "not between"),
        ('{"score": NaN}', FIVE, "not a number"),
        ('{"score": true}', FIVE, "not a number"),
        ('{"score": "4/10"}', FIVE, "not a number"),
        ("1,000", Scale(0, 1000), "no JSON"),
        ('{"claims": [{"claim": "a"}]}', ClaimVerdicts(), 'no "verdict"'),
        ('{"claims": [{"verdict": "yes"}]}', ClaimVerdicts(), "no text"),
        ('{"claims": [{"claim": "a", "verdict": "yes"}, {"claim": "b", "ver', ClaimVerdicts(), "cut off"),
        ('{"claims": "none"}', ClaimVerdicts(), "no JSON object with a list"),
        ('{"claims": []} {"claims": [{"claim": "a", "verdict": "yes"}]}', ClaimVerdicts(), "differ"),
        ('{"claims": [3]}', ClaimList(), "not an object"),
        ('{"right": [], "wrong": [], "verdict": "right"}', ClaimCounts(), "missing"),
        ('{"right": "a", "wrong": [], "missing": [], "verdict": "right"}', ClaimCounts(), "not a list"),
        ("{" * 100_000, YES_NO, "no JSON"),
        ('{"a":' * 5_000, YES_NO, "broken"),
    ],
)
def test_what_is_no_value_is_invalid(reply: str, form: Form, said: str) -> None:
    with pytest.raises(InvalidOutput, match=said) as caught:
        read(reply, form, "main")
    assert caught.value.model == "main"
    assert len(str(caught.value)) < 300


LONG = 120_000
HOSTILE = (
    '"\\', "\\", '"', "{", "[", '{"a":', ",,,,", "```", "[1,", ", ", "<think>", "</think>", "Verdict: ", "verdict is\n",
    "1", "1,", "-", "a ", "\n", "[{", '{"a": 1, ', "_ ", '{"claim": "a"} ', '[{"claim": "a"},',
)  # fmt: skip


@pytest.mark.parametrize("reply", [*(atom * (LONG // len(atom)) for atom in HOSTILE), "[" * 200 + "1," * 60_000])
def test_a_long_reply_is_read_in_time_that_grows_with_its_length(reply: str) -> None:
    for form in FORMS:
        started = time.process_time()
        with contextlib.suppress(InvalidOutput):
            read(reply, form, "m")
        assert time.process_time() - started < 1


def test_many_objects_are_all_read_and_brackets_without_an_end_hide_none() -> None:
    claims = [{"claim": f"Claim {n}.", "verdict": "yes" if n < 300 else "no"} for n in range(400)]
    found = read("\n".join(map(json.dumps, claims)), ClaimVerdicts(), "m")
    assert found.score == Scored(0.75)
    hidden = '{"verdict": "yes"}' + "[" * 300 + '{"verdict": "no"}'
    with pytest.raises(InvalidOutput, match="many brackets"):
        read(hidden, YES_NO, "m")


def test_claims_with_verdicts() -> None:
    claims = [
        {"claim": "Trains are second class.", "quote": "second class", "verdict": "yes"},
        {"claim": "Hotels are free.", "verdict": False},
        {"quote": "up to five", "supported": "not supported"},
    ]
    loose = "\n".join(map(json.dumps, [*claims[:2], {"claim": "up to five", "verdict": "no"}]))
    for reply in (json.dumps({"claims": claims}), f"```\n{json.dumps(claims)}\n```", loose):
        found = read(reply, ClaimVerdicts(), "m")
        assert found.score == Scored(1 / 3)
        assert [claim["supported"] for claim in found.detail["claims"]] == [True, False, False]
        assert found.detail["claims"][2]["claim"] == "up to five"


def test_a_question_among_the_claims_is_none_of_them() -> None:
    asked = {"claim": "How many days are there?", "verdict": "yes"}
    said = {"claim": "There are 30 days.", "verdict": "no"}
    assert read(json.dumps({"claims": [asked, said]}), ClaimVerdicts(), "m").score == Scored(0.0)
    assert read(json.dumps({"claims": [asked]}), ClaimVerdicts(), "m").score == Scored(1.0)


def test_no_claims_is_no_score() -> None:
    assert read('{"claims": []}', ClaimVerdicts(), "m").score == Unscored(NO_CLAIMS)


def test_claims_that_are_only_listed() -> None:
    found = read('{"claims": ["One.", {"claim": "Two.", "quote": "two"}]}', ClaimList(), "m")
    assert found.score == Unscored(EXTRACTED)
    assert found.detail["claims"] == [{"claim": "One.", "quote": ""}, {"claim": "Two.", "quote": "two"}]


def test_counts_of_claims() -> None:
    reply = '{"right": ["a", "b"], "wrong": [], "missing": [{"claim": "c"}], "reason": "ok", "verdict": "right"}'
    found = read(reply, ClaimCounts(), "m")
    assert found == Reading(
        Scored(1.0),
        "ok",
        {"verdict": "right", "tp": 2, "fp": 0, "fn": 1, "right": ["a", "b"], "wrong": [], "missing": ["c"]},
    )


@given(st.text(), st.sampled_from(FORMS))
def test_any_text_is_a_value_in_range_or_invalid(reply: str, form: Form) -> None:
    _in_range_or_invalid(reply, form)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.sampled_from(["yes", "A", "4"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["verdict", "score", "claims", "claim", "right", "wrong", "missing"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(FORMS))
def test_any_json_is_a_value_in_range_or_invalid(reply: Any, form: Form) -> None:
    _in_range_or_invalid(json.dumps(reply), form)


@given(st.text(alphabet='{}[]",:yesno4 verdict\\\n', max_size=60), st.sampled_from(FORMS))
def test_broken_json_is_a_value_in_range_or_invalid(reply: str, form: Form) -> None:
    _in_range_or_invalid(reply, form)


def _in_range_or_invalid(reply: str, form: Form) -> None:
    try:
        found = read(reply, form, "m")
    except InvalidOutput:
        return
    if isinstance(found.score, Scored):
        assert 0.0 <= found.score.value <= 1.0
    json.dumps(found.detail, allow_nan=False)


@given(
    st.sampled_from(["yes", "no"]),
    st.text(max_size=40),
    st.sampled_from(["", "Here is my verdict:\n", "```json\n"]),
    st.sampled_from(["", "\n```", "\nThat is all."]),
)
def test_a_proper_reply_is_read_whatever_the_reason_says(verdict: str, reason: str, before: str, after: str) -> None:
    reply = before + json.dumps({"reason": reason, "verdict": verdict}) + after
    assert value(reply, YES_NO) == (verdict == "yes")


@given(st.floats(-10, 10), st.floats(0.1, 10), st.floats(0, 1))
def test_a_scale_is_linear(low: float, width: float, share: float) -> None:
    form = Scale(low, low + width)
    given_ = min(max(low + share * width, form.low), form.high)
    assert value(json.dumps({"score": given_}), form) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("quoted", ["</think> Verdict: yes. ", '</think>{\\"verdict\\": \\"yes\\"}'])
def test_what_a_judge_quotes_does_not_cut_its_verdict_off(quoted: str) -> None:
    reply = f'{{"reason": "it says {quoted}", "verdict": "no"}}'
    assert read(reply, Verdicts(), "m").score == Scored(0.0)
    assert read(f"<think>hm {{</think> {reply}", Verdicts(), "m").score == Scored(0.0)
