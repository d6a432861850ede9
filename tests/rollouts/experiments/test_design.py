"""From what a person asks of an experiment to its design, or to a message that says what to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.errors import InputError
from assay.evaluation.scoring import Metric
from assay.releases.history.environments import point
from assay.releases.history.snapshots import Snapshots
from assay.releases.project import Project
from assay.rollouts.experiments.design import Wanted, designed, names_of, ranking_design
from assay.rollouts.experiments.starting import check_free, check_gates, start, stop
from assay.rollouts.planning.guards import Knowledge
from assay.rollouts.planning.history import History, Past
from assay.rollouts.planning.planning import planned
from assay.rollouts.traffic.events import Deployed, ExperimentEnded, ExperimentStarted, Gated, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Design
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import Refused
from assay.stores.database import Database
from assay.stores.events import EventLog

AT = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
PAID = """
[models.main]
uses = "openai:gpt-5-mini"
max_tokens = 500
[answer]
route = ["main", "local"]
"""


def projects(folder: Path, count: int = 2, text: str = "") -> list[Project]:
    found = []
    for number in range(count):
        place = folder / f"release{number}"
        place.mkdir(parents=True)
        (place / "assay.toml").write_text(f'[app]\nname = "a"\n[retrieval]\nkeep = {number + 3}\n{text}', "utf-8")
        found.append(Project.load(place / "assay.toml"))
    return found


def knowledge(**more: Any) -> Knowledge:
    rows = tuple(Past(AT - 1_000 + n, 100.0 + n, n % 10 == 0, failed=False, cost=0.001) for n in range(300))
    return Knowledge(History(rows, AT - 1_000, AT), **more)


def made(folder: Path, count: int = 2, text: str = "", known: Knowledge | None = None, **wanted: Any) -> Design:
    asked = Wanted(**{"metric": "feedback", **wanted})
    return designed(projects(folder, count, text), asked, knowledge=known or knowledge(), at=AT).design


def test_a_plain_design_has_equal_shares_and_the_files_own_settings(tmp_path: Path) -> None:
    found = made(tmp_path, 3, '[rollout]\nsticky = "session"\nalpha = 0.1\n', guards=("errors", "latency_p95"))
    assert [name for name, _ in found.arms] == ["A", "B", "C"]
    assert len({release for _, release in found.arms}) == 3
    assert found.shares == pytest.approx((1 / 3,) * 3)
    assert (found.sticky, found.alpha, found.floor, found.policy) == ("session", 0.1, 0.0, "fixed")
    assert [guard.name for guard in found.guards] == ["errors", "latency_p95", "abstention"]
    assert found.guards[0].harm == 0.0
    assert found.guards[1].frozen is not None


def test_the_metric_asks_for_any_difference_and_knows_which_way_is_better(tmp_path: Path) -> None:
    feedback = made(tmp_path / "a").metric
    assert (feedback.allowed, feedback.harm, feedback.higher_is_better) == (0.0, 0.0, True)
    abstention = made(tmp_path / "b", metric="abstention").metric
    assert (abstention.allowed, abstention.higher_is_better) == (0.0, False)
    latency = made(tmp_path / "c", metric="latency").metric
    assert (latency.kind, latency.allowed, latency.harm) == ("mean", 1.0, 1.0)
    tail = made(tmp_path / "d", metric="latency_p95").metric
    assert (tail.kind, tail.quantile, tail.allowed) == ("quantile", 0.95, 1.0)
    cost = made(tmp_path / "e", 2, PAID, metric="cost").metric
    assert (cost.kind, cost.bound > 0) == ("mean", True)
    judged = Knowledge(knowledge().history, (Metric("faithfulness", judged=True),), {"faithfulness": "no labels"})
    faithful = made(tmp_path / "f", known=judged, metric="faithfulness").metric
    assert (faithful.judged, faithful.higher_is_better) == (True, True)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shares of another number": ({"shares": (0.5, 0.3, 0.2)}, "--shares names 3 shares for the 2 arms A, B"),
    "shares that miss a part": ({"shares": (0.5, 0.3)}, "their sum is 1"),
    "a share of nothing": ({"shares": (1.0, 0.0)}, "each is above 0"),
    "shares that are no numbers": ({"shares": (float("nan"), float("nan"))}, "--shares nan,nan: each is above 0"),
    "a share that shows nothing": ({"shares": (0.995, 0.005)}, "--shares 0.995,0.005: none may be below 0.01"),
    "a floor that is too high": ({"policy": "thompson", "floor": 0.5}, "--floor 0.5: 2 arms cannot each keep"),
    "a share below the floor": ({"policy": "thompson", "shares": (0.95, 0.05)}, "below the floor of 0.1"),
    "a level that is none": ({"alpha": 0.7}, "--alpha 0.7"),
    "no time": ({"longest": 0.0}, "--longest"),
    "a metric that nobody measures": ({"metric": "fedback"}, "--metric fedback: nothing measures fedback"),
    "a metric that needs what live lacks": ({"metric": "correctness"}, "--metric correctness: correctness needs"),
    "a guard that nobody measures": ({"guards": ("erors",)}, "--guards erors: nothing measures erors"),
    "a guard that decides": ({"guards": ("feedback",)}, "cannot be a guard too"),
    "a quantile to follow": (
        {"policy": "thompson", "metric": "latency_p95"},
        "shares follow a mean, which a quantile is not; take --metric latency",
    ),
    "a cost that is none": ({"metric": "cost"}, "--metric cost: cost is left out: no answer of the candidate can cost"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_what_to_write(tmp_path: Path, case: str) -> None:
    wanted, message = REFUSED[case]
    with pytest.raises(InputError) as refused:
        made(tmp_path, **wanted)
    assert message in str(refused.value)
    assert "rollout.guards" not in str(refused.value)


def test_releases_are_different_and_not_too_many(tmp_path: Path) -> None:
    one = projects(tmp_path, 1)[0]
    with pytest.raises(InputError, match="A and B are both release"):
        designed([one, one], Wanted("feedback"), knowledge=knowledge(), at=AT)
    for count in (1, 7):
        with pytest.raises(InputError, match="2 to 6"):
            names_of(count)


@pytest.fixture
def log(tmp_path: Path) -> TrafficLog:
    database = Database.at(tmp_path / "state.db")
    Snapshots(database)
    return TrafficLog(EventLog(database), "production", point=point)


def test_one_thing_moves_traffic_at_a_time(log: TrafficLog, make: Any) -> None:
    design = make.design()
    with pytest.raises(Refused, match="nothing is live in production yet"):
        start(log, design, why="", by="ana")
    log.append(log.traffic(), Deployed(make.releases[0], "the first", "ana"))
    begun = start(log, design, why="which?", by="ana")
    with pytest.raises(Refused, match=f"experiment {begun.id} is under way in production; end it"):
        start(log, design, why="", by="bo")
    with pytest.raises(Refused, match="is under way"):
        check_free(log.traffic())
    assert start_event(log).why == "which?"


def test_a_release_that_is_not_live_gets_most_users_at_most(log: TrafficLog, make: Any) -> None:
    log.append(log.traffic(), Deployed(make.releases[0], "the first", "ana"))
    refused = [
        (make.design(shares=(0.06, 0.94)), r"--shares: B, release bbbbbbbbbbbb, is not live and could get 0\.94"),
        (make.design(3, shares=(0.02, 0.49, 0.49)), r"--shares: A is live, and needs at least 0\.05"),
        (make.design(policy="thompson", floor=0.06), r"--floor 0\.06: B, .* could get 0\.94 of the users"),
        (make.design(4, policy="thompson", floor=0.04), r"--floor 0\.04: A is live, and needs"),
    ]
    for design, message in refused:
        with pytest.raises(InputError, match=message):
            start(log, design, why="", by="ana")
    assert log.traffic().experiment is None
    assert start(log, make.design(shares=(0.95, 0.05)), why="", by="ana").shares == (0.95, 0.05)


def test_an_arm_that_failed_its_last_gate_is_refused(log: TrafficLog, make: Any, tmp_path: Path) -> None:
    live, failed = make.releases[:2]
    log.append(log.traffic(), Deployed(live, "the first", "ana"))
    design = make.design()
    project = projects(tmp_path, 1)[0]
    plan = planned(project, project, spent={}, at=AT, knowledge=knowledge()).plan

    def gated(id: str, verdict: Any) -> None:
        log.append(log.traffic(), Started(id, failed, live, plan, 0.05, "2026-Q4", "", "ana"))
        log.append(log.traffic(), Gated(id, verdict, None, "correctness fell", "ana"))

    check_gates(log.entries(), design, live)
    gated("r1", "fail")
    gated("r2", "inconclusive")  # takes nothing back
    with pytest.raises(
        Refused, match=r"B, release bbbbbbbbbbbb, failed .* r1 \(correctness fell\); .* --skip-gate WHY"
    ):
        check_gates(log.entries(), design, live)
    check_gates(log.entries(), design, failed)  # it is live by now
    gated("r3", "pass")
    check_gates(log.entries(), design, live)


def test_errors_are_always_guarded_and_abstention_beside_what_it_buys(tmp_path: Path) -> None:
    assert [guard.name for guard in made(tmp_path / "a").guards] == ["errors"]
    assert [guard.name for guard in made(tmp_path / "b", metric="latency").guards] == ["errors", "abstention"]
    assert [guard.name for guard in made(tmp_path / "c", metric="errors", guards=("latency",)).guards] == [
        "latency",
        "abstention",
    ]
    text = "[rollout.guards]\nabstention = { margin = 0.4, harm = 0.3 }\n"
    (_, abstention) = made(tmp_path / "d", text=text, metric="latency").guards
    assert abstention.harm == 0.3


def start_event(log: TrafficLog) -> ExperimentStarted:
    (event,) = (entry.event for entry in log.entries() if isinstance(entry.event, ExperimentStarted))
    return event


def test_rankings_are_drawn_into_the_live_releases_answers(log: TrafficLog, make: Any) -> None:
    log.append(log.traffic(), Deployed(make.releases[0], "the first", "ana"))
    turned = ranking_design([make.releases[1], make.releases[0]], alpha=0.05, longest=60.0)
    with pytest.raises(InputError, match="must be the live one"):
        start(log, turned, why="", by="ana")
    begun = start(log, ranking_design(make.releases[:2], alpha=0.05, longest=60.0), why="", by="ana")
    assert begun.design.policy == "interleave"
    with pytest.raises(InputError, match="3 releases"):
        ranking_design(make.releases[:3], alpha=0.05, longest=60.0)


class Overtaken(TrafficLog):
    """A log before whose first append another process appends something."""

    first: Any = None

    def append(self, traffic: Traffic, *events: Any) -> Traffic:
        if self.first is not None:
            event, self.first = self.first, None
            super().append(traffic, event)
        return super().append(traffic, *events)


def test_a_start_and_a_stop_stand_beside_what_others_do(tmp_path: Path, make: Any) -> None:
    database = Database.at(tmp_path / "state.db")
    Snapshots(database)
    events = EventLog(database)
    log = Overtaken(events, "production", point=point)
    log.append(log.traffic(), Deployed(make.releases[0], "the first", "ana"))
    design = make.design()
    log.first = ExperimentStarted("theirs", design, "", "bo")
    with pytest.raises(Refused, match="experiment theirs is under way"):
        start(log, design, why="", by="ana")
    assert stop(log, events, why="", by="ana").id == "theirs"
    with pytest.raises(Refused, match="no experiment is under way"):
        stop(log, events, why="", by="ana")
    begun = start(log, design, why="", by="ana")
    decision = replace(log.entries()[-2].event.decision)  # type: ignore[union-attr]
    log.first = ExperimentEnded(begun.id, "found", "B", decision)
    with pytest.raises(Refused, match="ended a moment before"):
        stop(log, events, why="", by="ana")
