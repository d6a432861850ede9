from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from assay.errors import InputError
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.srm import SampleRatio

SHARES = st.sampled_from([{"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.5}, {"a": 0.98, "b": 0.01, "c": 0.01}])
LOG = st.lists(st.tuples(SHARES, st.integers(0, 1)), max_size=60)


def test_for_constant_shares_it_is_the_dirichlet_multinomial() -> None:
    shares = {"a": 0.7, "b": 0.2, "c": 0.1}
    test = SampleRatio()
    for arm in "abacaabcaabbaa" * 5:
        test.add(arm, shares)
    prior = [100 * share for share in shares.values()]
    counts = [test.counts[arm] for arm in shares]
    marginal = gammaln(100) - gammaln(100 + sum(counts))
    marginal += sum(gammaln(p + n) - gammaln(p) for p, n in zip(prior, counts, strict=True))
    null = sum(n * math.log(share) for n, share in zip(counts, shares.values(), strict=True))
    assert test.log_e == pytest.approx(marginal - null)


@given(LOG, SHARES)
def test_the_next_unit_is_expected_to_change_nothing(
    log: list[tuple[dict[str, float], int]], shares: dict[str, float]
) -> None:
    def folded(last: str | None) -> SampleRatio:
        test = SampleRatio()
        for given_shares, at in log:
            test.add(list(given_shares)[at], given_shares)
        if last is not None:
            test.add(last, shares)
        return test

    before = folded(None)
    assert before == folded(None)
    expected = sum(share * math.exp(folded(arm).log_e - before.log_e) for arm, share in shares.items())
    assert expected == pytest.approx(1)


def test_false_alarms_and_detection_through_changing_stages() -> None:
    generator = np.random.default_rng(3)
    stages = [{"control": 1 - share, "canary": share} for share in (0.01, 0.05, 0.25, 0.5)]

    def alarms(lost: float) -> float:
        found = 0
        for _ in range(60):
            test = SampleRatio()
            for at, drawn in enumerate(generator.random((2000, 2))):
                shares = stages[at // 500]
                arm = "canary" if drawn[0] < shares["canary"] else "control"
                # What loses a canary's unit, such as an answer that never came back, leaves no trace at all.
                if arm == "control" or drawn[1] >= lost:
                    test.add(arm, shares)
            found += test.peak >= threshold(0.01)
        return found / 60

    assert alarms(0.0) <= 0.03
    assert alarms(0.35) >= 0.9


def test_an_arm_that_had_no_share_is_refused() -> None:
    with pytest.raises(InputError, match="has no share"):
        SampleRatio().add("c", {"a": 0.5, "b": 0.5})
    with pytest.raises(InputError, match="do not sum to 1"):
        SampleRatio().add("a", {"a": 0.5, "b": 0.4})
