"""What is kept comes back as it was, and what is not ours is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.digest import Digest
from assay.documents import Citation
from assay.errors import InputError
from assay.evaluation.artifacts.codec import (
    decode_case,
    decode_outcome,
    decode_run,
    decode_scores,
    dumped,
    encode_case,
    encode_outcome,
    encode_run,
    encode_scores,
    loaded,
)
from assay.evaluation.artifacts.forms import plain
from assay.evaluation.cases import Case, ExpectedCall
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.samples import Answered, Failed, Passage
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.messages import ToolCall, Turn
from assay.models.chat import Usage
from assay.scores import Scored, Unscored

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates and NUL among them
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
COUNT = st.integers(0, 10**9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=3).map(tuple)


def maybe(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | items


PASSAGE = st.builds(Passage, TEXT, COUNT, COUNT, TEXT, TEXT)
ANSWERED = st.builds(
    Answered,
    TEXT,
    maybe(tuples(TEXT)),
    maybe(tuples(PASSAGE)),
    tuples(st.builds(Citation, TEXT, TEXT, COUNT, COUNT, TEXT, TEXT)),
    maybe(TEXT),
    maybe(FLOAT),
    TEXT,
    maybe(FLOAT),
    maybe(FLOAT),
    maybe(FLOAT),
    st.builds(Usage, COUNT, COUNT, COUNT, COUNT),
    maybe(TEXT),
    maybe(tuples(st.builds(ToolCall, TEXT, TEXT, TEXT))),
    JSON,
)
OUTCOME = ANSWERED | st.builds(Failed, TEXT, TEXT, maybe(TEXT), maybe(FLOAT))
CASE = st.builds(
    Case,
    TEXT,
    TEXT,
    maybe(tuples(TEXT)),
    maybe(tuples(TEXT)),
    maybe(st.booleans()),
    tuples(st.builds(Turn, st.sampled_from(["user", "assistant"]), TEXT)),
    maybe(tuples(TEXT)),
    maybe(tuples(st.builds(ExpectedCall, TEXT, OBJECT))),
    JSON,
    st.dictionaries(TEXT, TEXT, max_size=2),
    OBJECT,
    maybe(TEXT),
)
SPENT = st.builds(Spent, COUNT, COUNT, COUNT, maybe(FLOAT), COUNT)
MEASURED = st.builds(Measured, st.builds(Scored, FLOAT) | st.builds(Unscored, TEXT), OBJECT, SPENT, st.booleans())
SCORES = st.dictionaries(TEXT, MEASURED, max_size=2)
METRIC = st.builds(
    Metric,
    TEXT,
    st.sampled_from(["share", "milliseconds", "dollars", "count"]),
    st.booleans(),
    judged=st.booleans(),
    of_failures=st.booleans(),
)
RUN = st.builds(
    Run,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    st.just(Digest("d" * 64)),
    tuples(st.builds(ScorerUsed, TEXT, TEXT, tuples(METRIC))),
    st.integers(1, 5),
    tuples(st.builds(Result, CASE, st.integers(0, 4), OUTCOME, SCORES)),
    FLOAT,
    st.builds(Work, COUNT, COUNT, COUNT, COUNT, SPENT, SPENT, FLOAT),
    st.dictionaries(TEXT, TEXT, max_size=2),
)


def through_text(value: object) -> Any:
    return loaded(dumped(value).encode().decode())


@given(CASE)
def test_cases_come_back(case: Case) -> None:
    assert decode_case(through_text(encode_case(case))) == case


@given(OUTCOME)
def test_outcomes_come_back_with_the_same_content(outcome: Answered | Failed) -> None:
    found = decode_outcome(through_text(encode_outcome(outcome)))
    assert found == outcome
    if isinstance(found, Answered) and isinstance(outcome, Answered):
        assert found.content == outcome.content


@given(SCORES)
def test_scores_come_back(scores: dict[str, Measured]) -> None:
    assert decode_scores(through_text(encode_scores(scores))) == scores


@settings(max_examples=50)
@given(RUN)
def test_runs_come_back(run: Run) -> None:
    assert decode_run(through_text(encode_run(run))) == run


def test_the_format_is_as_it_was_written_down() -> None:
    """A kept file from before must still be read: change this only with the format's number."""
    answer = Answered("Yes.", ("d",), (Passage("d", 0, 4, "text"),), cost=0.5, usage=Usage(3, 1))
    assert encode_outcome(answer) == {
        "format": 1,
        "answered": {
            "text": "Yes.",
            "retrieved": ["d"],
            "passages": [{"document": "d", "start": 0, "end": 4, "text": "text"}],
            "cost": 0.5,
            "usage": {"input": 3, "output": 1},
        },
    }
    assert encode_outcome(Failed("ModelTimeout", "late")) == {
        "format": 1,
        "failed": {"kind": "ModelTimeout", "message": "late"},
    }
    scores = {"a": Measured(Scored(1.0), spent=Spent(cost=None)), "b": Measured(Unscored("why"), lasting=False)}
    assert encode_scores(scores) == {
        "format": 1,
        "scores": {
            "a": {"score": {"scored": 1.0}, "spent": {"cost": None}},
            "b": {"score": {"unscored": "why"}, "lasting": False},
        },
    }
    assert encode_case(Case("1", "Why?", expected=("so",))) == {
        "format": 1,
        "id": "1",
        "question": "Why?",
        "expected": ["so"],
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], r"\$: an object"),
        ({"answered": {"text": ""}}, r"\$.format: None"),
        ({"format": 2, "answered": {"text": ""}}, "upgrade Assay"),
        ({"format": 1}, "one key of answered, failed"),
        ({"format": 1, "answered": {}}, r"\$.answered: text missing"),
        ({"format": 1, "answered": {"text": 1}}, r"\$.answered.text: text is expected, not 1"),
        ({"format": 1, "answered": {"text": "", "colour": 1}}, r"unknown key 'colour'"),
        ({"format": 1, "answered": {"text": "", "cost": True}}, r"\$.answered.cost: a finite number"),
        ({"format": 1, "answered": {"text": "", "usage": {"input": 1.5}}}, r"\$.answered.usage.input: a whole number"),
        ({"format": 1, "answered": {"text": "", "passages": [{}]}}, r"\$.answered.passages\[0\]: .*missing"),
        ({"format": 1, "failed": {"kind": "x", "message": None}}, r"\$.failed.message: text is expected, not None"),
    ],
)
def test_what_is_not_an_outcome_is_refused_with_its_place(value: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        decode_outcome(value)


def test_a_run_is_refused_with_the_place_of_what_is_wrong() -> None:
    results = (Result(Case("a", "?"), 0, Answered("x", passages=(Passage("d", 0, 1, "t"),)), {}),)
    good = encode_run(Run("i", "l", "s", "", "d", Digest("d"), (), 1, results, 0.0))
    changes: tuple[tuple[Callable[[Any], object], str], ...] = (
        (lambda v: v["results"][0].update(case=1), r"\$.results\[0\]: cases has no number 1"),
        (lambda v: v["results"][0]["outcome"]["answered"].update(passages=[7]), "passages has no number 7"),
        (lambda v: v["cases"][0].update(question=[]), r"\$.cases\[0\].question: text"),
        (lambda v: v["run"].pop("subject"), r"\$.run: subject missing"),
        (lambda v: v.pop("results"), r"\$: results missing"),
    )
    for change, told in changes:
        value = json.loads(json.dumps(good))
        change(value)
        with pytest.raises(InputError, match=told):
            decode_run(value)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match=r"score.*nan"):
        encode_scores({"a": Measured(Scored(float("nan")))})


def test_what_json_cannot_say_is_told() -> None:
    import numpy as np

    given = {"a": (1, np.float32(0.5), np.int64(3)), 2: {"x"}, "n": float("inf"), "o": b"b", "t": np.bool_(True)}
    assert plain(given) == {"a": [1, 0.5, 3], "2": ["x"], "n": "inf", "o": "b'b'", "t": True}
