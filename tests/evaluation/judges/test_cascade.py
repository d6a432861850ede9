from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.judges.values import value

from assay.errors import InputError, ModelUnavailable
from assay.evaluation.judges.bands import SYMMETRIC, fit_band, trade
from assay.evaluation.judges.cascade import Band, Cascade
from assay.evaluation.judges.opening import Bench
from assay.evaluation.judges.panel import Panel
from assay.evaluation.judges.shares import on_one_scale
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Score, Scored, Unscored
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio

ITEM = Item("claim", {"contexts": "a", "claim": "b"})


def free(value: float) -> Verdict:
    return Verdict(Scored(value), uncertain=1 - abs(2 * value - 1))


@pytest.mark.parametrize(("score", "asked"), [(0.1, 0), (0.29, 0), (0.3, 1), (0.5, 1), (0.7, 1), (0.71, 0), (1.0, 0)])
async def test_the_second_judges_only_within_the_band(score: float, asked: int) -> None:
    first, second = ScriptedJudge(free(score)), ScriptedJudge(1.0)
    verdict = await Cascade(first, second, Band(0.3, 0.7), names=("offline", "main")).judge(ITEM)
    assert len(second.items) == asked
    assert verdict.score == Scored(1.0 if asked else score)
    assert verdict.detail == {
        "judged_by": "main" if asked else "offline",
        "first_by": "offline",
        "first": score,
    }
    assert verdict.spent == (Spent(1, 10, 1, 0.5) if asked else Spent())


async def test_no_score_of_the_first_is_doubt() -> None:
    verdict = await Cascade(ScriptedJudge(Unscored("no claim")), ScriptedJudge(0.0)).judge(ITEM)
    assert verdict.score == Scored(0.0)
    assert verdict.detail == {"judged_by": "second", "first_by": "first", "first": None, "first_unscored": "no claim"}


FAITHFUL = Item("faithfulness", {"contexts": "a", "answer": "b. c."})


def by_claim(all_supported: float, *probabilities: float) -> Verdict:
    """As the offline judge says it: the probability that all is supported, and that of each claim."""
    claims = [{"claim": "b", "supported": p >= 0.5, "probability": p} for p in probabilities]
    return Verdict(Scored(all_supported), detail={"claims": claims, "unsupported": []})


async def test_the_score_is_a_share_of_claims_whoever_judged() -> None:
    model = Verdict(
        Scored(0.5), detail={"claims": [{"claim": "b", "supported": True}, {"claim": "c", "supported": False}]}
    )
    told = {}
    for doubt in (0.1, 0.5, 0.9):
        first = ScriptedJudge(by_claim(doubt, 0.95, 0.75))
        told[doubt] = await Cascade(first, ScriptedJudge(model), names=("offline", "main")).judge(FAITHFUL)
    # The probability that both hold is no share: it is told, and decides who is asked.
    assert [each.score for each in told.values()] == [Scored(0.85), Scored(0.5), Scored(0.85)]
    assert [each.detail["judged_by"] for each in told.values()] == ["offline", "main", "offline"]
    assert [each.detail["first"] for each in told.values()] == [0.1, 0.5, 0.9]
    assert all(each.detail["first_by"] == "offline" for each in told.values())


async def test_a_panel_joins_shares_too() -> None:
    panel = Panel({"offline": ScriptedJudge(by_claim(0.1, 0.9, 0.7)), "main": ScriptedJudge(0.6)})
    verdict = await panel.judge(FAITHFUL)
    assert verdict.detail["scores"] == {"offline": pytest.approx(0.8), "main": 0.6}
    assert value(verdict.score) == pytest.approx(0.7)


async def test_other_rubrics_and_judges_that_know_no_claims_stay_as_they_are() -> None:
    said = by_claim(0.9, 0.5)
    assert on_one_scale(ITEM, said) is said
    bare = Verdict(Scored(0.9), detail={"claims": [{"claim": "b", "supported": True}]})
    assert on_one_scale(FAITHFUL, bare) is bare
    assert on_one_scale(FAITHFUL, Verdict(Unscored("?"))).score == Unscored("?")


async def test_the_shipped_offline_judge_gives_a_share_in_a_cascade() -> None:
    item = Item(
        "faithfulness",
        {
            "contexts": "Trains are booked in second class. A hotel may cost up to 140 euros a night.",
            "answer": "Trains are booked in second class. Dinner on Mars is served by 900 green penguins.",
        },
    )
    offline = Bench().open("offline")
    alone = await offline.judge(item)
    joined = await Cascade(offline, ScriptedJudge(0.0), Band(0.5, 0.5)).judge(item)
    claims = joined.detail["claims"]
    assert value(joined.score) == pytest.approx(sum(c["probability"] for c in claims) / len(claims))
    assert joined.detail["first"] == value(alone.score) != value(joined.score)


async def test_what_the_first_does_not_know_goes_to_the_second() -> None:
    first = ScriptedJudge(1.0, rubrics=frozenset())
    verdict = await Cascade(first, ScriptedJudge(0.0)).judge(ITEM)
    assert verdict.detail == {"judged_by": "second"}
    assert first.items == []
    assert Cascade(first, ScriptedJudge(0.0)).rubrics == ScriptedJudge(0.0).rubrics


async def test_a_failure_of_the_second_is_one_of_the_cascade() -> None:
    with pytest.raises(ModelUnavailable):
        await Cascade(ScriptedJudge(0.5), ScriptedJudge(ModelUnavailable("down", model="m"))).judge(ITEM)


def test_the_identity_holds_judges_and_band() -> None:
    a, b = ScriptedJudge(1.0, identity="a"), ScriptedJudge(1.0, identity="b")
    made = [Cascade(a, b), Cascade(b, a), Cascade(a, b, Band(0.1, 0.8)), Cascade(a, b, Band(0.2, 0.9))]
    assert len({each.identity for each in made}) == 4


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.5, 1.1), (0.6, 0.5), (float("nan"), 0.5)])
def test_a_band_lies_within_0_and_1(low: float, high: float) -> None:
    with pytest.raises(InputError, match="must lie within 0 and 1"):
        Band(low, high)


def pairs(n: int, *, wrong: float, seed: int = 1) -> list[tuple[Score, Score]]:
    """A calibrated first judge whose errors lie near the middle, beside a second that is always right."""
    draw = random.Random(seed)
    made: list[tuple[Score, Score]] = []
    for _ in range(n):
        score = draw.random()
        sure = abs(score - 0.5) > wrong
        truth = (score >= 0.5) if sure else draw.random() < 0.5
        made.append((Scored(score), Scored(float(truth))))
    return made


def test_a_fitted_band_keeps_its_promise_on_other_items() -> None:
    fitted = fit_band(pairs(600, wrong=0.2), max_lost=0.05)
    assert fitted.chosen is not None
    assert fitted.chosen.saving.value > 0.5
    assert fitted.chosen.lost.high <= 0.05
    fresh = [
        (a.value, b.value)
        for a, b in pairs(4_000, wrong=0.2, seed=2)
        if isinstance(a, Scored) and isinstance(b, Scored)
    ]
    assert trade(fresh, fitted.chosen.band).lost.value <= 0.05
    assert "saves" in str(fitted)


def test_the_promise_holds_as_often_as_is_said() -> None:
    fresh = [
        (a.value, b.value)
        for a, b in pairs(4_000, wrong=0.3, seed=0)
        if isinstance(a, Scored) and isinstance(b, Scored)
    ]
    lost = {band: trade(fresh, band).lost.value for band in SYMMETRIC}
    broken = 0
    for seed in range(1, 61):
        chosen = fit_band(pairs(300, wrong=0.3, seed=seed)).chosen
        broken += chosen is not None and lost[chosen.band] > 0.05
    assert broken <= 0.05 * 60


def test_claims_of_one_answer_count_less() -> None:
    judged = pairs(200, wrong=0.2)
    tens = fit_band(judged * 10, clusters=[str(i) for i in range(200)] * 10)
    alone = fit_band(judged)
    narrow, wide = tens.trades[-1].lost, alone.trades[-1].lost
    assert narrow.value == wide.value
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=0.1)


def test_few_items_or_a_useless_judge_give_no_band() -> None:
    assert fit_band(pairs(20, wrong=0.0)).chosen is None
    useless = fit_band(pairs(400, wrong=0.5))
    assert useless.chosen is None or useless.chosen.saving.value < 0.2
    assert "no band" in str(fit_band(pairs(20, wrong=0.0)))


def test_missing_scores_are_counted_and_none_is_an_error() -> None:
    assert fit_band([*pairs(50, wrong=0.1), (Unscored("x"), Scored(1.0))]).unscored == 1
    with pytest.raises(InputError, match="no item has a score of both"):
        fit_band([(Unscored("x"), Scored(1.0))])
    with pytest.raises(InputError, match="widest to the narrowest"):
        fit_band(pairs(5, wrong=0.1), bands=[Band(0.4, 0.6), Band(0.1, 0.9)])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_a_narrower_band_saves_more_and_loses_more(judged: list[tuple[float, float]]) -> None:
    trades = [trade(judged, band) for band in SYMMETRIC]
    assert trades[0].saving.value == trades[0].lost.value == 0
    for wide, narrow in pairwise(trades):
        assert narrow.saving.value >= wide.saving.value
        assert narrow.lost.value >= wide.lost.value
        assert narrow.lost.value <= narrow.saving.value
