from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.scorers.building import reason, value

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.records import Result
from assay.evaluation.samples import Answered, Failed
from assay.evaluation.scorers.pass_k import pass_k
from assay.evaluation.scoring import Measured
from assay.scores import Score, Scored, Unscored


def tries(case: str, *scores: Score | None) -> list[Result]:
    return [
        Result(Case(case, "?"), at, Failed("X", "y"), {})
        if score is None
        else Result(Case(case, "?"), at, Answered("."), {"final_state": Measured(score)})
        for at, score in enumerate(scores)
    ]


ONE, NONE = Scored(1.0), Scored(0.0)


def test_the_mean_over_cases_worked_out_by_hand() -> None:
    results = [*tries("a", ONE, ONE, ONE, NONE), *tries("b", ONE, ONE, ONE, ONE)]
    found = pass_k(results, 2)
    assert value(found.cases["a"]) == pytest.approx(3 / 6)
    assert value(found.cases["b"]) == 1.0
    assert value(found.mean) == 0.75


def test_a_failure_is_a_try_and_a_gap_is_none() -> None:
    found = pass_k([*tries("a", ONE, None), *tries("b", ONE, Unscored("?"))], 2)
    assert value(found.cases["a"]) == 0.0
    assert "1 scored tries, 2 are needed" in reason(found.cases["b"])
    assert value(found.mean) == 0.0


def test_too_few_tries_are_no_score() -> None:
    assert "no case was tried 3 times" in reason(pass_k(tries("a", ONE), 3).mean)
    with pytest.raises(InputError, match="at least 1"):
        pass_k([], 0)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_it_is_the_share_of_k_tries_that_all_succeed(outcomes: list[bool], k: int) -> None:
    found = pass_k(tries("a", *(ONE if outcome else NONE for outcome in outcomes)), k).cases["a"]
    if len(outcomes) < k:
        assert isinstance(found, Unscored)
        return
    drawn = list(combinations(outcomes, k))
    assert value(found) == pytest.approx(sum(map(all, drawn)) / len(drawn))


@given(st.lists(st.booleans(), min_size=2, max_size=8))
def test_it_falls_with_k(outcomes: list[bool]) -> None:
    results = tries("a", *(ONE if outcome else NONE for outcome in outcomes))
    values = [value(pass_k(results, k).mean) for k in range(1, len(outcomes) + 1)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(sum(outcomes) / len(outcomes))
