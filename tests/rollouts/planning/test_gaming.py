"""What a release could buy by not answering, and the guards that are there so that it cannot."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.releases.project import Project
from assay.rollouts.evidence.deciding import decide
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.planning.guards import Knowledge, unguarded
from assay.rollouts.planning.planning import Planned, planned
from assay.rollouts.traffic.events import Advanced, Promoted
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Plan
from assay.rollouts.traffic.state import Rollout

AT = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
HARD = 0.3


def plan(folder: Path, guards: str) -> Planned:
    found = []
    for name in ("new", "old"):
        place = folder / name
        place.mkdir()
        text = f'[app]\nname = "a"\n[rollout]\nstages = [0.2, 0.5, 1.0]\nsticky = "request"\nguards = {guards}\n'
        (place / "assay.toml").write_text(text, "utf-8")
        found.append(Project.load(place / "assay.toml"))
    return planned(found[0], found[1], spent={}, at=AT, knowledge=Knowledge())


def ends(made: Plan, seed: int) -> str:
    """How a rollout ends of a candidate that refuses the hard questions, and is quick at that."""
    source = random.Random(seed)
    rollout, evidence = Rollout("r", "new", "old", made, 0.0, 0.0, "canary", 0), Evidence(made)
    for n in range(6_000):
        at = 60.0 * n
        candidate = source.random() < made.stages[rollout.stage]
        hard = source.random() < HARD
        refused = candidate and hard
        values = {
            "errors": float(source.random() < 0.01),
            "abstention": float(refused or source.random() < 0.02),
            "latency": 20.0 if refused else source.lognormvariate(7, 0.4) * (3 if hard else 1),
        }
        arm = "candidate" if candidate else "live"
        evidence.add(Observation(f"u{n}", arm, rollout.stage, f"t{n}", values))
        found = decide(rollout, evidence, at)
        if isinstance(found, Advanced):
            rollout = Rollout("r", "new", "old", made, 0.0, at, "canary", found.stage)
        elif found is not None:
            return "promoted" if isinstance(found, Promoted) else found.reason
    return "open"


def test_a_candidate_that_abstains_on_the_hard_questions_is_not_promoted_for_its_speed(tmp_path: Path) -> None:
    made = plan(tmp_path, "{ latency_p95 = { ratio = 1.25 } }")
    assert [guard.name for guard in made.plan.guards] == ["latency_p95", "errors", "abstention"]
    assert [(guard.allowed, guard.harm) for guard in made.plan.guards[1:]] == [(0.01, 0.0), (0.05, 0.0)]
    assert any(notice.startswith("errors and abstention are guarded too") for notice in made.notices)
    assert Counter(ends(made.plan, seed) for seed in range(3)) == {"harm": 3}


def test_what_the_file_writes_stands(tmp_path: Path) -> None:
    made = plan(tmp_path, "{ latency_p95 = { ratio = 1.25 }, abstention = { margin = 0.4, harm = 0.35 } }")
    guards = {guard.name: (guard.allowed, guard.harm) for guard in made.plan.guards}
    assert (guards["abstention"], guards["errors"]) == ((0.4, 0.35), (0.01, 0.0))
    assert any(notice.startswith("errors is guarded too") for notice in made.notices)


@pytest.mark.parametrize(
    ("names", "added"),
    [
        (("errors",), ()),
        (("feedback", "errors"), ()),
        (("cost",), ("errors", "abstention")),
        (("first_token_p50", "errors"), ("abstention",)),
        (("faithfulness", "abstention"), ("errors",)),
        (("latency", "errors", "abstention"), ()),
    ],
)
def test_what_is_guarded_beside_what(names: tuple[str, ...], added: tuple[str, ...]) -> None:
    assert unguarded(names) == added
