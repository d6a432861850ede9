"""Latency, cost and errors: what was measured elsewhere is passed on, and a gap stays a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.evaluation.scorers.building import reason, sample, value

from assay.evaluation.samples import Failed
from assay.evaluation.scorers.cost import Cost
from assay.evaluation.scorers.errors import Errors
from assay.evaluation.scorers.latency import Latency
from assay.models.chat import Usage

pytestmark = pytest.mark.anyio


async def test_latency_is_what_was_measured() -> None:
    found = await Latency().score(sample(milliseconds=812.5, first_token_milliseconds=90.0))
    assert value(found["latency"].score) == 812.5
    assert value(found["first_token_latency"].score) == 90.0


async def test_a_time_that_was_not_measured_is_no_time_of_0() -> None:
    found = await Latency().score(sample(milliseconds=10.0))
    assert value(found["latency"].score) == 10.0
    assert "not measured" in reason(found["first_token_latency"].score)


async def test_an_abstention_took_its_time_too() -> None:
    found = await Latency().score(sample("", abstained="not_in_corpus", milliseconds=7.0))
    assert value(found["latency"].score) == 7.0


async def test_a_cost_comes_with_its_tokens() -> None:
    found = (await Cost().score(sample(cost=0.01, model="m", usage=Usage(input=5, output=2))))["cost"]
    assert value(found.score) == 0.01
    assert found.detail == {"model": "m", "input": 5, "output": 2, "cached": 0, "reasoning": 0}


async def test_an_unknown_price_is_not_0() -> None:
    assert "no price is known for m" in reason((await Cost().score(sample(model="m")))["cost"].score)
    assert value((await Cost().score(sample(cost=0.0)))["cost"].score) == 0.0


async def test_errors_count_failures_and_nothing_else() -> None:
    failed = replace(sample(), outcome=Failed("RateLimited", "slow down"))
    found = (await Errors().score(failed))["errors"]
    assert value(found.score) == 1.0
    assert found.detail == {"kind": "RateLimited", "message": "slow down"}
    assert value((await Errors().score(sample()))["errors"].score) == 0.0
    assert value((await Errors().score(sample("", abstained="unsupported")))["errors"].score) == 0.0
