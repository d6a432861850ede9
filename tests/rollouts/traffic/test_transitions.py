"""The state machine: what may follow what, and that no interleaving of writers breaks what users rely on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from assay.rollouts.traffic.codec import decode, encode
from assay.rollouts.traffic.events import (
    Aborted,
    Advanced,
    Decision,
    Deployed,
    Event,
    ExperimentEnded,
    ExperimentStarted,
    Finding,
    Gated,
    Paused,
    Pinned,
    Promoted,
    Resumed,
    RolledBack,
    SharesChanged,
    Started,
)
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Design, Guard, Plan, Shadow
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import Refused, transition
from assay.stores.database import Database
from assay.stores.events import Conflict, EventLog

DECISION = Decision(10, 5.0, (Finding("errors", 0.1, 2.5, 10, 90, 0.1, 0.05, -0.02, 0.2),), "as it should be")
RELEASES = ("aa" * 32, "bb" * 32, "cc" * 32)


def plan(*, gated: bool = True, shadow: bool = True) -> Plan:
    guard = Guard("errors", "errors", "share", allowed=0.05, harm=0.0)
    copies = Shadow(0.1, 20, 600.0, 1.0) if shadow else None
    return Plan((0.1, 0.5), (guard,), 0.05, 0.05, "user", 20, 0.0, 3600.0, 0.5, copies, gated)


def design() -> Design:
    metric = Guard("feedback", "feedback", "share", 0.05, 0.0, higher_is_better=True)
    arms = (("A", RELEASES[0]), ("B", RELEASES[1]))
    return Design(arms, metric, (), "thompson", (0.5, 0.5), 0.1, 0.05, "user", 0.5, 3600.0)


def started(rollout: str = "r1", candidate: str = RELEASES[1], baseline: str = RELEASES[0], **of: bool) -> Started:
    return Started(rollout, candidate, baseline, plan(**of), 0.05, "2026-Q4", "a better prompt", "ana")


def folded(*events: Event) -> Traffic:
    traffic = Traffic("production")
    for at, event in enumerate(events):
        traffic = transition(traffic, event, float(at))
    return traffic


LIVE = Deployed(RELEASES[0], "first", "ana")
PASSED = Gated("r1", "pass", "cmp.json", "", "ana")


def test_a_rollout_goes_through_its_phases_to_the_end() -> None:
    traffic = folded(LIVE, started())
    assert traffic.rollout is not None
    assert (traffic.rollout.phase, traffic.rollout.share) == ("gate", 0.0)
    shares, phases = [], []
    for event in (PASSED, Advanced("r1", 0, DECISION), Advanced("r1", 1, DECISION)):
        traffic = transition(traffic, event, 9.0)
        assert traffic.rollout is not None
        shares.append(traffic.rollout.share)
        phases.append(traffic.rollout.phase)
    assert phases == ["shadow", "canary", "canary"]
    assert shares == [0.0, 0.1, 0.5]
    traffic = transition(traffic, Promoted("r1", DECISION), 10.0)
    assert (traffic.live, traffic.rollout) == (RELEASES[1], None)
    assert traffic.spent == {"2026-Q4": 0.05}


@pytest.mark.parametrize("end", [RolledBack("r1", "harm", DECISION), Aborted("r1", "stop", "ana")])
def test_going_back_leaves_what_was_live(end: Event) -> None:
    traffic = folded(LIVE, started(gated=False, shadow=False), end)
    assert (traffic.live, traffic.rollout) == (RELEASES[0], None)


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_a_gate_that_is_not_passed_ends_the_rollout(verdict: str) -> None:
    traffic = folded(LIVE, started(), Gated("r1", verdict, None, "", "ana"))  # type: ignore[arg-type]
    assert (traffic.live, traffic.rollout) == (RELEASES[0], None)
    assert not traffic.spent


def test_risk_is_charged_once_when_traffic_can_be_won() -> None:
    assert not folded(LIVE, started()).spent
    assert not folded(LIVE, started(), Aborted("r1", "", "ana")).spent
    for passed in (PASSED, Gated("r1", "skipped", None, "in haste", "ana")):
        assert folded(LIVE, started(), passed, Aborted("r1", "", "ana")).spent == {"2026-Q4": 0.05}
    assert folded(LIVE, started(gated=False)).spent == {"2026-Q4": 0.05}


@pytest.mark.parametrize(
    ("before", "event", "said"),
    [
        ([], started(), "nothing is live"),
        ([LIVE, started()], started("r2"), "rollout r1 is under way"),
        ([LIVE, started()], Deployed(RELEASES[2], "", "ana"), "rollout r1 is under way"),
        ([LIVE], started(candidate=RELEASES[0]), "is live in production already"),
        ([LIVE], started(baseline=RELEASES[2]), "is not live in production any more"),
        ([LIVE, started()], Advanced("r1", 0, DECISION), "has not passed its gate"),
        ([LIVE, started()], Promoted("r1", DECISION), "from its last stage only"),
        ([LIVE, started(), PASSED], Advanced("r1", 1, DECISION), "does not follow"),
        ([LIVE, started(), PASSED], PASSED, "is past its gate"),
        ([LIVE, started(), PASSED], Aborted("r0", "", ""), "rollout r0 is over"),
        ([LIVE], Aborted("r1", "", ""), "no rollout is under way"),
        ([LIVE, started(gated=False), Paused("r1", "", "")], Advanced("r1", 0, DECISION), "is paused"),
        (
            [LIVE, started(gated=False, shadow=False), Advanced("r1", 1, DECISION)],
            Advanced("r1", 2, DECISION),
            "no stage 2",
        ),
        ([LIVE, ExperimentStarted("e1", design(), "", "")], started(), "experiment e1 is under way"),
        (
            [LIVE, ExperimentStarted("e1", design(), "", "")],
            SharesChanged("e1", (0.95, 0.05), 3),
            "less than 0.1",
        ),
    ],
)
def test_what_would_break_the_order_is_refused(before: list[Event], event: Event, said: str) -> None:
    with pytest.raises(Refused, match=said):
        transition(folded(*before), event, 99.0)


def test_pins_are_set_and_taken_away() -> None:
    traffic = folded(LIVE, started(), Pinned("r1", {"u1": "candidate", "u2": "live"}), Pinned("r1", {"u1": None}))
    assert traffic.rollout is not None
    assert traffic.rollout.pins == {"u2": "live"}


@pytest.mark.parametrize(
    "event",
    [
        LIVE,
        started(),
        PASSED,
        Advanced("r1", 0, DECISION),
        Promoted("r1", DECISION),
        RolledBack("r1", "harm", DECISION),
        Aborted("r1", "w", "b"),
        Paused("r1", "w", "b"),
        Resumed("r1", "b"),
        Pinned("r1", {"u": "live", "v": None}),
        ExperimentStarted("e1", design(), "w", "b"),
        SharesChanged("e1", (0.5, 0.5), 3),
        ExperimentEnded("e1", "found", "B", DECISION),
    ],
    ids=lambda event: str(event.kind),
)
def test_every_event_comes_back_from_json_as_it_was(event: Event) -> None:
    assert decode(encode(event)) == event


class Writers(RuleBasedStateMachine):
    """Three processes with views of different age append whatever they like."""

    def __init__(self) -> None:
        super().__init__()
        folder = tempfile.TemporaryDirectory()
        self.folder = folder
        database = Database.at(Path(folder.name) / "state.db")
        self.logs = [TrafficLog(EventLog(database), "production") for _ in range(3)]
        self.views = [Traffic("production")] * 3
        self.accepted: list[Event] = []
        self.names = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    def offer(self, who: int, make: Callable[[Traffic], Event]) -> None:
        """One process tries: what it is told must be what happened."""
        log, view = self.logs[who], self.views[who]
        before, event = log.version(), make(view)
        try:
            self.views[who] = log.append(view, event)
        except Conflict:
            assert view.version < before
        except Refused:
            pass
        else:
            assert view.version == before
            self.accepted.append(event)

    who = st.integers(0, 2)

    @rule(who=who)
    def look(self, who: int) -> None:
        self.views[who] = self.logs[who].traffic(self.views[who])

    @rule(who=who, release=st.sampled_from(RELEASES))
    def deploy(self, who: int, release: str) -> None:
        self.offer(who, lambda _: Deployed(release, "", ""))

    @rule(who=who, release=st.sampled_from(RELEASES), gated=st.booleans(), shadow=st.booleans())
    def start(self, who: int, release: str, gated: bool, shadow: bool) -> None:
        self.names += 1
        name = f"r{self.names}"
        self.offer(who, lambda view: started(name, release, view.live or RELEASES[0], gated=gated, shadow=shadow))

    @rule(who=who, verdict=st.sampled_from(["pass", "fail", "inconclusive", "skipped"]))
    def gate(self, who: int, verdict: str) -> None:
        self.offer(who, lambda view: Gated(_id(view), verdict, None, "", ""))  # type: ignore[arg-type]

    @rule(who=who, stage=st.integers(0, 2))
    def advance(self, who: int, stage: int) -> None:
        self.offer(who, lambda view: Advanced(_id(view), stage, DECISION))

    @rule(who=who)
    def next_stage(self, who: int) -> None:
        self.offer(who, lambda view: Advanced(_id(view), (view.rollout.stage if view.rollout else -1) + 1, DECISION))

    @rule(who=who)
    def promote(self, who: int) -> None:
        self.offer(who, lambda view: Promoted(_id(view), DECISION))

    @rule(who=who)
    def go_back(self, who: int) -> None:
        self.offer(who, lambda view: RolledBack(_id(view), "harm", DECISION))

    @rule(who=who)
    def abort(self, who: int) -> None:
        self.offer(who, lambda view: Aborted(_id(view), "", ""))

    @rule(who=who, paused=st.booleans())
    def hold(self, who: int, paused: bool) -> None:
        self.offer(who, lambda view: Paused(_id(view), "", "") if paused else Resumed(_id(view), ""))

    @rule(who=who)
    def experiment(self, who: int) -> None:
        self.names += 1
        name = f"e{self.names}"
        self.offer(who, lambda _: ExperimentStarted(name, design(), "", ""))

    @rule(who=who)
    def end_experiment(self, who: int) -> None:
        self.offer(
            who,
            lambda view: ExperimentEnded(view.experiment.id if view.experiment else "e0", "stopped", None, DECISION),
        )

    @invariant()
    def nothing_that_was_accepted_is_lost(self) -> None:
        assert [entry.event for entry in self.logs[0].entries()] == self.accepted

    @invariant()
    def everybody_who_looks_sees_the_same(self) -> None:
        whole = self.logs[0].traffic()
        for log, view in zip(self.logs, self.views, strict=True):
            assert log.traffic(view) == whole

    @invariant()
    def one_release_is_live_and_at_most_one_thing_moves_traffic(self) -> None:
        traffic = self.logs[0].traffic()
        assert traffic.rollout is None or traffic.experiment is None
        if traffic.rollout is not None:
            assert traffic.live == traffic.rollout.baseline

    @invariant()
    def traffic_reaches_only_candidates_past_their_gate(self) -> None:
        traffic, passed, failed = Traffic("production"), set[str](), set[str]()
        for entry in self.logs[0].entries():
            event = entry.event
            traffic = transition(traffic, event, entry.at)
            match event:
                case Gated(verdict="pass" | "skipped"):
                    passed.add(event.rollout)
                case Gated():
                    failed.add(event.rollout)
                case Started() if not event.plan.gated:
                    passed.add(event.rollout)
                case Promoted():
                    assert event.rollout in passed
                    assert event.rollout not in failed
            rollout = traffic.rollout
            if rollout is not None and (rollout.share > 0 or rollout.phase != "gate"):
                assert rollout.id in passed
                assert rollout.id not in failed


def _id(view: Traffic) -> str:
    return view.rollout.id if view.rollout else "r0"


TestWriters = Writers.TestCase
TestWriters.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_decision_of_a_later_version_is_named(log: TrafficLog) -> None:
    from assay.errors import StoreError

    with pytest.raises(StoreError, match="upgrade Assay"):
        decode({"kind": "teleported"})
    assert log.traffic().live is None
