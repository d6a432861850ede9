"""Plans and events that several tests of this room need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.rollouts.log import TrafficLog
from assay.rollouts.plan import Guard, Plan, Shadow
from assay.stores.database import Database
from assay.stores.events import EventLog


def plan_with(*, gated: bool = True, shadow: bool = True, stages: tuple[float, ...] = (0.1, 0.5)) -> Plan:
    return Plan(
        stages=stages,
        guards=(Guard("errors", "errors", "share", allowed=0.05, harm=0.0),),
        alpha=0.05,
        promotion_alpha=0.05,
        sticky="user",
        least_answers=20,
        least_seconds=0.0,
        longest_seconds=3600.0,
        judged=0.5,
        shadow=Shadow(0.1, 20, 600.0, 1.0) if shadow else None,
        gated=gated,
    )


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    return plan_with


@pytest.fixture
def log(tmp_path: Path) -> TrafficLog:
    return TrafficLog(EventLog(Database.at(tmp_path / "state.db")), "production")
