"""The rules, each with a case that only it decides."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from assay.rollouts.evidence.deciding import alarmed, decide, waiting
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.traffic.events import Advanced, Promoted, RolledBack
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard, Plan, Shadow
from assay.rollouts.traffic.state import Phase, Rollout

ERRORS = Guard("errors", "errors", "share", 0.05, 0.0)
COST = Guard("cost", "cost", "mean", 1.2, 1.2, bound=0.01)
PLAN = Plan((0.2, 0.5), (ERRORS,), 0.05, 0.05, "user", 50, 600.0, 86_400.0, 0.5, None, False)
CANARY = Rollout("r", "new", "old", PLAN, started=0.0, since=0.0, phase="canary", stage=0)
LAST = replace(CANARY, stage=1)


def fed(
    plan: Plan, many: int, *, stage: int = 0, bad: float = 0.0, live_bad: float = 0.0, cost: float = 1.0
) -> Evidence:
    """``many`` units of the candidate, and as many of live as its share asks."""
    evidence, source = Evidence(plan), random.Random(5)
    units = [True] * many + [False] * round(many * (1 - plan.stages[stage]) / plan.stages[stage])
    source.shuffle(units)
    for n, candidate in enumerate(units):
        errors = float(source.random() < (bad if candidate else live_bad))
        dollars = 0.002 * source.lognormvariate(0, 0.3) * (cost if candidate else 1.0)
        arm = "candidate" if candidate else "live"
        evidence.add(Observation(f"u{n}", arm, stage, f"t{n}", {"errors": errors, "cost": dollars}))
    return evidence


class TestStage:
    """What lets a candidate have a larger share."""

    def test_enough_units_and_enough_time_do(self) -> None:
        found = decide(CANARY, fed(PLAN, 50), 600.0)
        assert isinstance(found, Advanced)
        assert found.stage == 1
        assert found.decision.observations == 250
        assert found.decision.at == 600.0
        assert "50 users had the candidate at 20 %" in found.decision.why
        assert "the share becomes 50 %" in found.decision.why

    def test_too_few_units_do_not(self) -> None:
        assert decide(CANARY, fed(PLAN, 49), 600.0) is None

    def test_too_little_time_does_not(self) -> None:
        assert decide(CANARY, fed(PLAN, 50), 599.0) is None

    def test_the_time_of_the_stage_counts_not_that_of_the_rollout(self) -> None:
        assert decide(replace(CANARY, since=1_000.0), fed(PLAN, 50), 1_500.0) is None

    def test_units_of_another_stage_do_not_count(self) -> None:
        assert decide(CANARY, fed(PLAN, 80, stage=1), 600.0) is None

    def test_a_pause_holds_it(self) -> None:
        assert decide(replace(CANARY, paused=True), fed(PLAN, 50), 600.0) is None

    def test_the_gate_holds_it(self) -> None:
        assert decide(replace(CANARY, phase="gate", stage=-1), fed(PLAN, 50), 600.0) is None


class TestPromotion:
    """What makes a candidate live."""

    def test_it_is_safe_on_every_guard_at_the_last_stage(self) -> None:
        found = decide(LAST, fed(PLAN, 400, stage=1), 700.0)
        assert isinstance(found, Promoted)
        assert "every guard is shown to be no worse than allowed" in found.decision.why
        assert "at most 1 of 20 rollouts" in found.decision.why

    def test_not_before_the_last_stage(self) -> None:
        assert isinstance(decide(CANARY, fed(PLAN, 400), 700.0), Advanced)

    def test_not_with_one_guard_that_is_open(self) -> None:
        plan = replace(PLAN, guards=(ERRORS, COST))
        evidence = fed(plan, 400, stage=1, cost=1.2)
        assert evidence.unsafe == ("cost",)
        assert decide(replace(LAST, plan=plan), evidence, 700.0) is None
        assert isinstance(decide(replace(LAST, plan=plan), fed(plan, 400, stage=1), 700.0), Promoted)

    def test_not_at_a_risk_that_the_budget_did_not_grant(self) -> None:
        plan = replace(PLAN, promotion_alpha=1e-30)
        assert decide(replace(LAST, plan=plan), fed(plan, 400, stage=1), 700.0) is None

    def test_not_before_the_last_stages_own_time(self) -> None:
        assert decide(replace(LAST, since=200.0), fed(PLAN, 400, stage=1), 700.0) is None

    def test_not_while_it_is_paused(self) -> None:
        assert decide(replace(LAST, paused=True), fed(PLAN, 400, stage=1), 700.0) is None

    def test_not_without_a_guard(self) -> None:
        plan = replace(PLAN, guards=())
        assert decide(replace(LAST, plan=plan), fed(plan, 400, stage=1), 700.0) is None


class TestHarm:
    """What ends a rollout at once."""

    EVIDENCE = fed(PLAN, 120, bad=0.4)

    @pytest.mark.parametrize(
        "rollout",
        [
            CANARY,
            LAST,
            replace(CANARY, paused=True),
            replace(CANARY, phase="shadow", stage=-1),
            replace(CANARY, phase="gate", stage=-1),
        ],
    )
    def test_it_does_in_any_phase(self, rollout: Rollout) -> None:
        found = decide(rollout, self.EVIDENCE, 1.0)
        assert isinstance(found, RolledBack)
        assert found.reason == "harm"
        assert found == alarmed(rollout, self.EVIDENCE, 1.0)

    def test_before_a_promotion(self) -> None:
        # The second half of the traffic is harmed, after safety was shown: both thresholds are crossed.
        evidence = fed(PLAN, 400, stage=1)
        for n in range(400):
            arm = "candidate" if n % 2 else "live"
            evidence.add(Observation(f"late{n}", arm, 1, f"late{n}", {"errors": float(n % 2)}))
        assert evidence.unsafe == ()
        found = decide(LAST, evidence, 700.0)
        assert isinstance(found, RolledBack)
        assert found.reason == "harm"

    def test_before_the_time_is_over(self) -> None:
        found = decide(CANARY, self.EVIDENCE, 1e9)
        assert isinstance(found, RolledBack)
        assert found.reason == "harm"

    def test_not_below_the_threshold(self) -> None:
        plan = replace(PLAN, alpha=1e-60)
        assert alarmed(replace(CANARY, plan=plan), fed(plan, 120, bad=0.4), 1.0) is None

    def test_it_is_told_with_its_numbers(self) -> None:
        found = decide(CANARY, self.EVIDENCE, 1.0)
        assert isinstance(found, RolledBack)
        why = found.decision.why
        share = found.decision.findings[0].candidate
        assert share is not None
        assert why.startswith(f"errors: {100 * share:.1f} %".replace(".0 %", " %"))
        assert "of 120 users against live's 0 % of 480" in why
        assert "(a candidate goes back at 1 of 20)" in why


class TestMismatch:
    """Units that were not split as planned."""

    @staticmethod
    def _lopsided() -> Evidence:
        evidence = Evidence(PLAN)
        for n in range(1_000):
            arm = "candidate" if n % 2 else "live"
            evidence.add(Observation(f"u{n}", arm, 0, f"t{n}", {"errors": 0.0}))
        return evidence

    def test_they_end_a_rollout(self) -> None:
        found = decide(CANARY, self._lopsided(), 1.0)
        assert isinstance(found, RolledBack)
        assert found.reason == "mismatch"
        assert "of 1,000 users that were assigned, 500 were the candidate's" in found.decision.why
        assert "about 200" in found.decision.why

    def test_they_wait_for_the_end_of_a_pause(self) -> None:
        assert decide(replace(CANARY, paused=True), self._lopsided(), 1.0) is None


class TestTime:
    """The longest time."""

    def test_its_end_is_inconclusive(self) -> None:
        found = decide(LAST, fed(PLAN, 30, stage=1), 86_400.0)
        assert isinstance(found, RolledBack)
        assert found.reason == "inconclusive"
        assert "the rollout's longest time, 1 day, is over" in found.decision.why
        assert "1 of 1 guards is not shown to be safe: errors" in found.decision.why

    @pytest.mark.parametrize("phase", ["gate", "shadow", "canary"])
    def test_it_bounds_every_phase(self, phase: Phase) -> None:
        rollout = replace(CANARY, phase=phase, stage=0 if phase == "canary" else -1)
        found = decide(rollout, Evidence(PLAN), 86_400.0)
        assert isinstance(found, RolledBack)
        assert found.reason == "inconclusive"

    def test_nobody_is_promoted_after_it(self) -> None:
        assert isinstance(decide(LAST, fed(PLAN, 400, stage=1), 86_400.0), RolledBack)
        assert isinstance(decide(LAST, fed(PLAN, 400, stage=1), 86_399.0), Promoted)

    def test_a_pause_stops_it_too(self) -> None:
        assert decide(replace(CANARY, paused=True), Evidence(PLAN), 86_400.0) is None


class TestShadow:
    """What ends shadow."""

    PLAN = replace(PLAN, shadow=Shadow(0.1, 20, 3_600.0, 0.5))
    ROLLOUT = replace(CANARY, plan=PLAN, phase="shadow", stage=-1)

    def _copied(self, many: int, cost: float = 0.001) -> Evidence:
        evidence = Evidence(self.PLAN)
        for n in range(many):
            evidence.add(Observation(f"u{n}", "shadow", -1, f"s{n}", {"errors": 0.0, "cost": cost}, of=f"t{n}"))
        return evidence

    def test_enough_copies_do(self) -> None:
        assert decide(self.ROLLOUT, self._copied(19), 10.0) is None
        found = decide(self.ROLLOUT, self._copied(20), 10.0)
        assert isinstance(found, Advanced)
        assert found.stage == 0
        assert "20 copies were answered" in found.decision.why

    def test_its_time_does(self) -> None:
        assert decide(self.ROLLOUT, self._copied(3), 3_599.0) is None
        found = decide(self.ROLLOUT, self._copied(3), 3_600.0)
        assert isinstance(found, Advanced)
        assert "3 of 20 copies" in found.decision.why

    def test_its_cost_does(self) -> None:
        assert decide(self.ROLLOUT, self._copied(3, 0.12), 10.0) is None
        found = decide(self.ROLLOUT, self._copied(4, 0.12), 10.0)
        assert isinstance(found, Advanced)
        assert "0.48 USD and another would go beyond the 0.50 allowed" in found.decision.why

    def test_a_pause_holds_it(self) -> None:
        assert decide(replace(self.ROLLOUT, paused=True), self._copied(20), 10.0) is None


def test_what_it_waits_for_is_told() -> None:
    assert waiting(CANARY, fed(PLAN, 20), 480.0) == (
        "20 of 50 users of the candidate in this stage and 2 minutes more in this stage"
    )
    told = waiting(LAST, fed(PLAN, 60, stage=1, bad=0.05, live_bad=0.05), 700.0)
    assert told.startswith("1 of 1 guards is not shown to be safe: errors (")
    assert waiting(replace(CANARY, paused=True), Evidence(PLAN), 0.0) == "a person, to let it go on"
    assert waiting(replace(CANARY, phase="gate"), Evidence(PLAN), 0.0) == "the offline gate's verdict"


def test_all_that_decides_is_in_the_arguments() -> None:
    assert decide(LAST, fed(PLAN, 400, stage=1), 700.0) == decide(LAST, fed(PLAN, 400, stage=1), 700.0)
