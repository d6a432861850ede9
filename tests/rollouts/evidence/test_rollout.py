"""Evidence is a fold: of the right values, in their order, and of nothing else."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.evidence.tails import FIRST, needed
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard, Plan, Shadow

ERRORS = Guard("errors", "errors", "share", 0.05, 0.0)
COST = Guard("cost", "cost", "mean", 1.2, 1.2, bound=0.05)
P95 = Guard("latency_p95", "latency", "quantile", 1.25, 1.25, quantile=0.95)
FAITHFUL = Guard("faithfulness", "faithfulness", "share", 0.05, 0.0, higher_is_better=True, judged=True)
GUARDS = (ERRORS, COST, P95, FAITHFUL)


def plan_of(*guards: Guard, stages: tuple[float, ...] = (0.5,), shadow: bool = False, alpha: float = 0.05) -> Plan:
    copies = Shadow(0.1, 20, 600.0, 1.0) if shadow else None
    return Plan(stages, guards, alpha, alpha, "user", 20, 0.0, 1e6, 0.5, copies, False)


def seen(unit: str, arm: str, stage: int = 0, trace: str = "", **values: float) -> Observation:
    return Observation(unit, arm, stage, trace or f"t-{unit}-{stage}", values)


def folded(plan: Plan, observations: Sequence[Observation]) -> Evidence:
    evidence = Evidence(plan)
    for observation in observations:
        evidence.add(observation)
    return evidence


def traffic(
    seed: int, many: int, *, worse: float = 1.0, stages: tuple[float, ...] = (0.5,), latency: float = 1.0
) -> list[Observation]:
    source = random.Random(seed)
    found = []
    for n in range(many):
        stage = n * len(stages) // many
        candidate = source.random() < stages[stage]
        times = worse if candidate else 1.0
        values = {
            "errors": float(source.random() < 0.05 * times),
            "cost": source.lognormvariate(-6, 0.8) * times,
            "latency": source.lognormvariate(7, 0.5) * (latency if candidate else 1.0),
            "faithfulness": source.betavariate(8, 1 * times),
        }
        found.append(Observation(f"u{n}", "candidate" if candidate else "live", stage, f"t{n}", values))
    return found


VALUES = st.dictionaries(
    st.sampled_from(["errors", "cost", "latency", "faithfulness"]),
    st.floats(0, 3, allow_nan=False) | st.sampled_from([0.0, 1.0]),
    max_size=4,
)
OBSERVATIONS = st.lists(
    st.builds(
        Observation,
        unit=st.sampled_from([f"u{n}" for n in range(12)]),
        arm=st.sampled_from(["live", "candidate", "shadow", "B"]),
        stage=st.integers(-1, 3),
        trace=st.sampled_from([f"t{n}" for n in range(20)]),
        values=VALUES,
        counts=st.booleans(),
        of=st.none() | st.sampled_from([f"t{n}" for n in range(20)]),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=40)
@given(OBSERVATIONS, st.booleans(), st.sets(st.integers(0, 60)))
def test_looking_in_between_changes_nothing(observations: list[Observation], shadow: bool, looks: set[int]) -> None:
    plan = plan_of(*GUARDS, stages=(0.1, 0.3), shadow=shadow)
    looked, at_once = Evidence(plan), folded(plan, observations)
    for at, observation in enumerate(observations):
        looked.add(observation)
        if at in looks:
            looked.findings()
    assert repr(looked.findings()) == repr(at_once.findings())
    assert (looked.harm, looked.harm_peak, looked.mismatch) == (at_once.harm, at_once.harm_peak, at_once.mismatch)
    assert looked.position == len(observations)


@settings(deadline=None, max_examples=40)
@given(OBSERVATIONS)
def test_everything_that_is_found_can_be_written_down(observations: list[Observation]) -> None:
    evidence = folded(plan_of(*GUARDS, stages=(0.1, 0.3), shadow=True), observations)
    for finding in evidence.findings():
        for value in (finding.harm, finding.safe, finding.candidate, finding.live, finding.low, finding.high):
            assert value is None or math.isfinite(value)
        assert finding.safe >= 0
    assert evidence.harm_peak >= evidence.harm


@pytest.mark.parametrize("seed", range(3))
def test_bounds_say_what_the_tests_say(seed: int) -> None:
    quality = replace(FAITHFUL, judge_power=0.8)
    plan, safe, harmful = plan_of(ERRORS, P95, FAITHFUL, replace(quality, name="corrected")), set[str](), set[str]()
    for worse in (1.0, 2.0):
        evidence, bar = Evidence(plan), math.log(20)
        for at, observation in enumerate(traffic(seed, 6_000, worse=worse)):
            evidence.add(observation)
            if at % 1_000:
                continue
            for guard, finding in zip(plan.guards, evidence.findings(), strict=True):
                allowed = 0.0 if guard.kind == "quantile" else guard.allowed
                if finding.safe >= bar:
                    end = finding.low if guard.higher_is_better else finding.high
                    assert end is not None
                    assert (-end if guard.higher_is_better else end) <= allowed + 1e-9
                    safe.add(guard.name)
                if finding.harm >= bar:
                    end = finding.high if guard.higher_is_better else finding.low
                    assert end is not None
                    assert (-end if guard.higher_is_better else end) >= 0
                    harmful.add(guard.name)
    assert {"errors", "faithfulness", "corrected"} <= safe & harmful


def test_a_unit_votes_once_with_its_first_value() -> None:
    evidence = folded(
        plan_of(ERRORS),
        [seen("u", "candidate", trace=f"t{n}", errors=float(n > 0)) for n in range(50)] + [seen("v", "live", errors=0)],
    )
    (finding,) = evidence.findings()
    assert (finding.n, finding.candidate, finding.m) == (1, 0.0, 1)


def test_a_value_that_comes_later_is_its_units_vote_too() -> None:
    evidence = folded(
        plan_of(ERRORS, FAITHFUL),
        [
            seen("u", "candidate", errors=0.0),
            seen("u", "candidate", faithfulness=0.25),
            seen("u", "candidate", errors=1),
        ],
    )
    errors, faithful = evidence.findings()
    assert (errors.n, errors.candidate) == (1, 0.0)
    assert (faithful.n, faithful.candidate) == (1, 0.25)
    assert evidence.units(0).candidate == 1


def test_pinned_units_other_arms_and_unknown_stages_do_not_count() -> None:
    plan = plan_of(ERRORS)
    evidence = folded(
        plan,
        [
            replace(seen("a", "candidate", errors=1.0), counts=False),
            seen("b", "B", errors=1.0),
            seen("c", "candidate", 7, errors=1.0),
        ],
    )
    assert evidence.findings()[0].n == 0
    assert evidence.units(0).candidate == 0
    assert evidence.position == 3


def test_values_meet_only_those_of_their_own_stage() -> None:
    # Live errs at the first stage and the candidate at the second: nothing was compared at the same time.
    first = [seen(f"l{n}", "live", 0, errors=1.0) for n in range(50)]
    second = [seen(f"c{n}", "candidate", 1, errors=1.0) for n in range(50)]
    evidence = folded(plan_of(ERRORS, stages=(0.3, 0.5)), first + second)
    assert evidence.harm == 0.0
    assert evidence.findings()[0].safe == 0.0


def test_evidence_goes_on_over_stages() -> None:
    plan = plan_of(ERRORS, stages=(0.3, 0.5))
    observations = traffic(1, 600, worse=6.0, stages=plan.stages)
    both = folded(plan, observations).harm
    alone = folded(plan, [each for each in observations if each.stage == 1]).harm
    assert both > alone > 0


def test_a_worse_candidate_is_found_and_a_better_one_is_shown_to_be_safe() -> None:
    worse = folded(plan_of(*GUARDS), traffic(2, 4_000, worse=3.0, latency=2.0))
    for finding in worse.findings():
        assert finding.harm > 3, finding
        assert finding.safe < 1, finding
    better = folded(plan_of(*GUARDS), traffic(3, 6_000, worse=0.5, latency=0.8))
    assert better.unsafe == ()
    assert better.harm < 0
    assert all(finding.safe > 3 for finding in better.findings())


def test_bounds_hold_the_difference_and_the_ratio() -> None:
    found = {each.guard: each for each in folded(plan_of(*GUARDS), traffic(4, 6_000, worse=2.0)).findings()}
    errors, cost = found["errors"], found["cost"]
    assert errors.low is not None
    assert errors.high is not None
    assert 0 < errors.low < 0.05 < errors.high < 0.1
    assert cost.low is not None
    assert cost.high is not None
    assert 1.8 < cost.low < 2 < cost.high < 2.3


def test_bounds_of_traffic_that_changes_sides_hold_what_was_observed() -> None:
    evidence = Evidence(plan_of(FAITHFUL))
    for n in range(2_000):
        candidate = n % 2 == 1
        evidence.add(seen(f"u{n}", "candidate" if candidate else "live", faithfulness=float(candidate == (n < 1_000))))
    (finding,) = evidence.findings()
    assert finding.low is not None
    assert finding.high is not None
    assert finding.low <= 0 <= finding.high


def test_harm_is_the_mean_over_the_guards() -> None:
    evidence = folded(plan_of(*GUARDS), traffic(5, 1_500, worse=2.0))
    each = [math.exp(finding.harm) for finding in evidence.findings()]
    assert evidence.harm == pytest.approx(math.log(sum(each) / len(each)))
    assert evidence.harm_peak >= evidence.harm


def test_safe_stays_crossed_though_the_candidate_gets_worse_later() -> None:
    plan = plan_of(ERRORS)
    good = traffic(6, 800, worse=0.2)
    evidence = folded(plan, good)
    assert evidence.unsafe == ()
    before = evidence.findings()[0].safe
    for n in range(400):
        evidence.add(seen(f"late{n}", "candidate" if n % 2 else "live", errors=float(n % 2)))
    assert evidence.unsafe == ()
    assert evidence.findings()[0].safe == before
    assert evidence.harm_peak > 3


def test_what_is_beyond_the_bound_counts_as_it_and_is_counted() -> None:
    evidence = folded(plan_of(COST), [seen("a", "candidate", cost=9.0), seen("b", "live", cost=0.01)])
    assert evidence.findings()[0].candidate == 0.05
    assert evidence.clipped == {"cost": 1}


def test_a_guard_of_good_things_looks_the_other_way() -> None:
    source = random.Random(7)
    observations = [
        seen(f"u{n}", "candidate" if n % 2 else "live", faithfulness=float(source.random() < (0.6 if n % 2 else 0.9)))
        for n in range(800)
    ]
    (finding,) = folded(plan_of(FAITHFUL), observations).findings()
    assert finding.harm > 3
    assert finding.safe < 1
    assert finding.high is not None
    assert finding.high < 0


def test_as_many_answers_of_live_are_judged_as_of_the_candidate_and_each_tells() -> None:
    # At an arm of one in a hundred live is scored as seldom as the candidate: no block waits for fifty of it.
    plan = plan_of(FAITHFUL, stages=(0.01,))
    scored = [seen(f"u{n}", "candidate" if n % 2 else "live", faithfulness=float(n % 2 == 0)) for n in range(40)]
    assert folded(plan, scored).harm > 3


class TestLimit:
    """Quantile guards and the limit that they are held against."""

    def test_it_is_lives_own_quantile_and_those_that_made_it_do_not_vote(self) -> None:
        evidence = folded(plan_of(P95), [seen(f"l{n}", "live", latency=float(n)) for n in range(1, FIRST + 1)])
        assert evidence.limits == {"latency_p95": 190.0}
        assert evidence.findings()[0].m == 0
        evidence.add(seen("l1", "live", latency=500.0))
        assert evidence.findings()[0].m == 1, "who only helped to make the limit still has a vote"

    def test_the_candidates_votes_wait_for_it(self) -> None:
        early = [seen(f"c{n}", "candidate", latency=1_000.0) for n in range(30)]
        first = [seen(f"l{n}", "live", latency=float(n % 100 + 1)) for n in range(FIRST)]
        evidence = folded(plan_of(P95), early + first)
        finding = evidence.findings()[0]
        assert (finding.n, finding.candidate) == (30, 1.0)

    def test_the_candidate_may_be_slower_by_the_ratio(self) -> None:
        guard = replace(P95, frozen=100.0)
        evidence = folded(plan_of(guard), [seen("c", "candidate", latency=125.0), seen("l", "live", latency=101.0)])
        finding = evidence.findings()[0]
        assert (finding.candidate, finding.live) == (0.0, 1.0)
        evidence.add(seen("d", "candidate", latency=126.0))
        assert evidence.findings()[0].candidate == 0.5

    def test_harm_may_have_another_ratio_than_promotion(self) -> None:
        # A candidate that takes 1.6 times as long is no harm where 2 is, and not safe where 1.25 is.
        guard = replace(P95, harm=2.0)
        evidence = folded(plan_of(guard), traffic(8, 6_000, latency=1.6))
        finding = evidence.findings()[0]
        assert finding.harm < 1
        assert finding.safe < 1
        assert folded(plan_of(P95), traffic(8, 6_000, latency=1.6)).findings()[0].harm > 3

    def test_historys_limit_is_given_up_where_lives_answers_contradict_it(self) -> None:
        guard = replace(P95, frozen=1e6)  # of another machine: live never takes as long
        evidence = folded(plan_of(guard), traffic(9, 3_000, latency=3.0))
        assert 1_500 < evidence.limits["latency_p95"] < 4_000
        assert evidence.findings()[0].harm > 3

    def test_historys_limit_is_kept_where_they_do_not(self) -> None:
        guard = replace(P95, frozen=2_500.0)
        evidence = folded(plan_of(guard), traffic(10, 1_500))
        assert evidence.limits["latency_p95"] == 2_500.0
        assert evidence.findings()[0].m > 600, "all of live's answers vote"

    def test_a_quantile_further_out_takes_more_answers(self) -> None:
        assert needed(0.5) == needed(0.95) == FIRST
        assert needed(0.99) == 1_000


class TestShadow:
    """Copies beside the answers to the same questions."""

    @staticmethod
    def _pair(n: int, copy: float, live: float, *, copy_first: bool, cost: float = 0.01) -> list[Observation]:
        ours = Observation(f"u{n}", "shadow", -1, f"s{n}", {"errors": copy, "cost": cost}, of=f"t{n}")
        theirs = Observation(f"u{n}", "live", -1, f"t{n}", {"errors": live})
        return [ours, theirs] if copy_first else [theirs, ours]

    def test_either_may_come_first(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        one = [each for n in range(40) for each in self._pair(n, float(n % 2), 0.0, copy_first=True)]
        other = [each for n in range(40) for each in self._pair(n, float(n % 2), 0.0, copy_first=False)]
        assert folded(plan, one).harm == folded(plan, other).harm > 1

    def test_it_is_harm_and_never_safety(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        bad = folded(plan, [each for n in range(60) for each in self._pair(n, 1.0, 0.0, copy_first=False)])
        assert bad.harm > -math.log(plan.alpha)
        good = folded(plan, [each for n in range(500) for each in self._pair(n, 0.0, float(n % 2), copy_first=False)])
        assert good.findings()[0].safe == 0.0
        assert good.units(0).candidate == 0

    def test_the_findings_tell_of_copies_before_there_are_votes(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        pairs = [each for n in range(10) for each in self._pair(n, float(n < 4), 0.0, copy_first=False)]
        (finding,) = folded(plan, pairs).findings()
        assert (finding.n, finding.m, finding.candidate, finding.live) == (10, 10, 0.4, 0.0)

    def test_copies_and_what_they_cost_are_counted_once(self) -> None:
        evidence = folded(plan_of(ERRORS, shadow=True), self._pair(0, 0.0, 0.0, copy_first=True))
        evidence.add(Observation("u0", "shadow", -1, "s0", {"faithfulness": 0.5, "cost": 0.01}, of="t0"))
        evidence.add(Observation("u1", "shadow", -1, "s1", {"cost": 0.02}, of="t1"))
        assert evidence.shadow.answers == 2
        assert evidence.shadow.cost == pytest.approx(0.03)

    def test_a_user_with_many_questions_is_one_pair(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        many = [replace(each, unit="u") for n in range(60) for each in self._pair(n, 1.0, 0.0, copy_first=False)]
        assert folded(plan, many).findings()[0].n == 1

    def test_suspicion_from_shadow_makes_the_canary_be_caught_sooner(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        copies = [each for n in range(100) for each in self._pair(n, float(n % 12 == 0), 0.0, copy_first=False)]
        votes = traffic(11, 300, worse=3.0)
        assert folded(plan, copies).harm > 0.5
        assert folded(plan, copies + votes).harm > folded(plan, votes).harm + 0.5

    def test_half_of_the_stake_stays_out_of_a_shadow_that_saw_nothing(self) -> None:
        plan = plan_of(ERRORS, shadow=True)
        fine = [each for n in range(800) for each in self._pair(n, 0.0, float(n % 2), copy_first=False)]
        votes = traffic(12, 400, worse=4.0)
        without = folded(replace(plan, shadow=None), votes).harm
        assert without + math.log(0.5) <= folded(plan, fine + votes).harm < without


class TestLabels:
    """A judge whose power people measured."""

    GUARD = replace(FAITHFUL, judge_power=0.5, judged_good=0.9, judged_bad=0.3)

    def test_rates_are_what_people_would_say(self) -> None:
        evidence = folded(
            plan_of(self.GUARD),
            [seen("a", "candidate", faithfulness=0.6), seen("b", "live", faithfulness=0.9)],
        )
        (finding,) = evidence.findings()
        assert finding.candidate == pytest.approx(0.5)
        assert finding.live == pytest.approx(1.0)

    def test_the_margin_shrinks_to_what_the_judge_sees_of_it(self) -> None:
        source = random.Random(13)
        observations = [
            seen(f"u{n}", "candidate" if n % 2 else "live", faithfulness=float(source.random() < 0.9))
            for n in range(3_000)
        ]
        plain, weak = plan_of(FAITHFUL), plan_of(self.GUARD)
        assert folded(plain, observations).findings()[0].safe > folded(weak, observations).findings()[0].safe

    def test_bounds_are_widened_by_what_is_not_known_of_the_judge(self) -> None:
        source = random.Random(14)
        observations = [
            seen(f"u{n}", "candidate" if n % 2 else "live", faithfulness=float(source.random() < 0.9))
            for n in range(1_000)
        ]
        (bare,) = folded(plan_of(FAITHFUL), observations).findings()
        (wide,) = folded(plan_of(self.GUARD), observations).findings()
        assert bare.low is not None
        assert wide.low is not None
        assert wide.low == pytest.approx(2 * bare.low)


def test_a_unit_that_the_share_before_had_drawn_counts_and_does_not_vote() -> None:
    evidence = Evidence(plan_of(ERRORS, stages=(0.2, 0.6)))
    evidence.add(replace(seen("newcomer", "candidate", 1, errors=1.0), fresh=False))
    evidence.add(seen("moved", "candidate", 1, errors=0.0))
    finding = evidence.findings()[0]
    assert (finding.n, finding.candidate) == (1, 0.0)
    assert evidence.units(1).candidate == 2


@pytest.mark.parametrize("look", [0, 300, 900, 1_400])
def test_a_look_before_the_limit_is_given_up_changes_no_interval(look: int) -> None:
    # History's limit is far below what live waits for, so that its first answers here put another in its place.
    plan = plan_of(replace(P95, frozen=900.0))
    observations = traffic(5, 1_500, latency=1.5)
    evidence = Evidence(plan)
    for at, observation in enumerate(observations):
        evidence.add(observation)
        if at < look and at % 50 == 0:
            evidence.findings()
    assert evidence.limits["latency_p95"] != 900.0
    assert evidence.findings() == folded(plan, observations).findings()
    assert evidence.findings()[0].low is not None
