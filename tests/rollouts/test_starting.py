"""Setting out: what is refused before anything is charged, the offline gate, and what a kill in it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from assay.errors import InputError
from assay.evaluation.running.progress import Progress
from assay.releases.file.scaffold import scaffold
from assay.releases.history.snapshots import keep
from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project
from assay.rollouts import starting, steering
from assay.rollouts.overview import Opened, opened
from assay.rollouts.traffic.events import Deployed, Event, Gated, Paused
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout
from assay.rollouts.traffic.transitions import Refused
from assay.stores.events import EventLog

CASES = [
    {"id": "a", "question": "How many days of holiday are there?", "relevant": ["rules.md"]},
    {"id": "b", "question": "What may a hotel cost?", "relevant": ["rules.md"]},
    {"id": "c", "question": "Who won the Derby?", "answerable": False},
]
RULES = "# Rules\n\nThere are 30 days of holiday a year.\n\nA hotel may cost 140 euros a night.\n"
GATE = "[evaluation.gate]\nabstention = { margin = 0.9 }\n"


def edited(folder: Path, old: str, new: str) -> Project:
    file = folder / "assay.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    return Project.load(file)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with an index, a gate that is easily passed, and nothing live."""
    place = tmp_path_factory.mktemp("made")
    (place / "documents").mkdir()
    (place / "documents" / "rules.md").write_text(RULES, encoding="utf-8")
    scaffold(place / "app", place / "documents", "app")
    lines = "".join(json.dumps(case) + "\n" for case in CASES)
    (place / "app" / "evals" / "example.jsonl").write_text(lines, encoding="utf-8")
    project = edited(place / "app", "[evaluation.gate] ", GATE + "# ")
    with open_ingestion(project) as ingestion:
        anyio.run(ingestion.run)
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "app"


@pytest.fixture
def environment(folder: Path) -> Iterator[Opened]:
    with opened(Project.load(folder), "production") as found:
        yield found


@pytest.fixture
def live(environment: Opened) -> str:
    keep(environment.project)
    release = str(environment.project.release.digest)
    steering.deploy(environment.log, release, why="the first", by="ana")
    return release


@pytest.fixture
def candidate(folder: Path, live: str) -> Project:
    """The file's next release, kept."""
    project = edited(folder, "# keep = 8 ", "keep = 7 ")
    assert str(project.release.digest) != live
    keep(project)
    return project


def plan() -> Plan:
    guard = Guard("errors", "errors", "share", allowed=0.05, harm=0.0)
    return Plan((0.1,), (guard,), 0.05, 0.05, "user", 20, 0.0, 3600.0, 0.5, None, True)


def begin(log: TrafficLog, candidate: Project, *, skip_gate: str | None = None, id: str = "r1") -> Rollout:
    traffic = log.traffic()
    return starting.start(
        log,
        traffic,
        candidate=str(candidate.release.digest),
        plan=plan(),
        risk=0.05,
        quarter="2026-Q4",
        why="fewer passages",
        by="ana",
        skip_gate=skip_gate,
        new_id=lambda: id,
    )


def gated(log: TrafficLog, candidate: Project, rollout: Rollout, progress: object = None) -> starting.GateResult:
    async def run() -> starting.GateResult:
        return await starting.run_gate(log, candidate, rollout, by="ana", progress=progress)  # type: ignore[arg-type]

    return anyio.run(run)


class Overtaken(TrafficLog):
    """A log before whose first append another process appends something."""

    def __init__(self, environment: Opened, *first: Event) -> None:
        super().__init__(EventLog(environment.database), "production")
        self._other = environment.log
        self._first = list(first)

    def append(self, traffic, *events):  # type: ignore[no-untyped-def]
        if self._first:
            self._other.append(self._other.traffic(), self._first.pop(0))
        return super().append(traffic, *events)


def test_a_gate_that_is_passed_lets_the_rollout_on(environment: Opened, candidate: Project, live: str) -> None:
    rollout = begin(environment.log, candidate)
    assert (rollout.phase, rollout.baseline) == ("gate", live)
    result = gated(environment.log, candidate, rollout)
    assert result.gated.verdict == "pass"
    assert result.gated.comparison is not None
    assert (candidate.file.directory / result.gated.comparison).is_file()
    after = environment.log.traffic().rollout
    assert after is not None
    assert (after.phase, after.share) == ("canary", 0.1)


def test_a_gate_that_is_not_passed_ends_the_rollout(environment: Opened, folder: Path, candidate: Project) -> None:
    strict = edited(folder, "margin = 0.9", "margin = 0.01")
    result = gated(environment.log, strict, begin(environment.log, candidate))
    assert result.gated.verdict == "inconclusive"
    assert "would settle it" in result.gated.why
    assert environment.log.traffic().rollout is None


class Killed:
    """A watcher that ends the process after so many answers."""

    def __init__(self, after: int) -> None:
        self._left = after

    def show(self, progress: Progress) -> None:
        if progress.answers_made >= self._left:
            raise KeyboardInterrupt


def test_a_gate_that_was_killed_goes_on_and_asks_nothing_twice(environment: Opened, candidate: Project) -> None:
    log = environment.log
    rollout = begin(log, candidate)
    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        gated(log, candidate, rollout, Killed(1))
    waiting = starting.waiting_in_gate(log.traffic(), rollout.candidate)
    assert waiting is not None
    assert waiting.id == rollout.id
    seen: list[Progress] = []

    class Seen:
        def show(self, progress: Progress) -> None:
            seen.append(progress)

    again = starting.resumed_candidate(environment.database, environment.project, waiting)
    assert gated(log, again, waiting, Seen()).gated.verdict == "pass"
    assert seen[0].known + max(each.answers_reused for each in seen) > 0


def test_two_starts_at_once_give_one_rollout(environment: Opened, candidate: Project) -> None:
    first = begin(environment.log, candidate, id="r1")
    other = TrafficLog(EventLog(environment.database), "production")
    with pytest.raises(Refused, match=r"rollout r1 of release .* is under way in production; wait for it"):
        begin(other, candidate, id="r2")
    stale = replace(environment.log.traffic(), rollout=None, version=1, spent={})
    with pytest.raises(Refused, match=f"rollout {first.id} of release"):
        starting.start(
            other, stale, candidate=first.candidate, plan=plan(), risk=0.05, quarter="2026-Q4", why="", by="bo"
        )
    assert len([e for e in environment.log.entries() if e.event.kind == "started"]) == 1


def test_a_start_is_refused_where_what_it_was_made_from_has_changed(
    environment: Opened, candidate: Project, live: str
) -> None:
    raced = Overtaken(environment, Deployed("ee" * 32, "an emergency", "bo"))
    with pytest.raises(Refused, match="has just changed; start again"):
        begin(raced, candidate)
    assert environment.log.traffic().rollout is None
    assert environment.log.traffic().spent == {}
    assert live != environment.log.traffic().live


def test_a_gate_is_counted_once_and_what_ended_meanwhile_is_told(environment: Opened, candidate: Project) -> None:
    rollout = begin(environment.log, candidate)
    faster = Gated("r1", "pass", "comparisons/x.json", "", "bo")
    assert gated(Overtaken(environment, faster), candidate, rollout).gated == faster
    steering.abort(environment.log, why="enough", by="bo")
    assert gated(environment.log, candidate, rollout).gated == faster
    second = begin(environment.log, candidate, id="r2")
    steering.abort(environment.log, why="enough", by="bo")
    with pytest.raises(Refused, match="rollout r2 was aborted while the gate was asked"):
        gated(environment.log, candidate, second)


def test_a_pause_in_the_gate_does_not_lose_its_verdict(environment: Opened, candidate: Project) -> None:
    rollout = begin(environment.log, candidate)
    raced = Overtaken(environment, Paused("r1", "lunch", "bo"))
    assert gated(raced, candidate, rollout).gated.verdict == "pass"
    after = environment.log.traffic().rollout
    assert after is not None
    assert after.paused
    assert after.phase == "canary"


def test_without_a_gate_somebody_says_why(environment: Opened, candidate: Project) -> None:
    rollout = begin(environment.log, candidate, skip_gate="tried by hand")
    found = starting.skip(environment.log, rollout, why="again", by="bo").gated
    assert (found.verdict, found.why, found.by) == ("skipped", "tried by hand", "ana")
    assert environment.log.traffic().rollout.phase == "canary"  # type: ignore[union-attr]


def test_what_cannot_be_is_refused_before_anything_is_charged(
    environment: Opened, folder: Path, candidate: Project
) -> None:
    live = environment.log.traffic().live or ""
    with pytest.raises(Refused, match="is live in production already"):
        starting.check_free(environment.log.traffic(), live)
    bare = edited(folder, GATE, "[evaluation.gate]\n")
    with pytest.raises(InputError, match=r"\[evaluation.gate\].*--skip-gate"):
        starting.gate_of(bare, live)
    no_cases = edited(folder, "[evaluation.gate]\n", GATE.replace("abstention", "nonsense"))
    with pytest.raises(InputError, match="nonsense"):
        starting.gate_of(no_cases, live)
    other_index = edited(folder, "# max_tokens = 200", "max_tokens = 100")
    with pytest.raises(InputError, match=r"index of this file is not built yet.*assay ingest"):
        starting.check_index(other_index)
    assert environment.log.traffic().spent == {}
    assert candidate is not None


def test_a_gate_with_a_time_asks_both_releases_side_by_side(folder: Path, candidate: Project, live: str) -> None:
    assert not starting.gate_of(candidate, live).fresh_latency
    timed = edited(folder, GATE, GATE + "latency_p95 = { ratio = 9.0 }\n")
    assert starting.gate_of(timed, live).fresh_latency


def test_nothing_live_says_how_to_get_it(environment: Opened) -> None:
    with pytest.raises(Refused, match=r"nothing is live in production yet.*assay serve.*assay environment deploy"):
        starting.live_project(environment.database, environment.project, environment.log.traffic())


def test_a_kept_release_goes_out_under_what_the_file_says_now(folder: Path, candidate: Project) -> None:
    kept = str(candidate.release.digest)
    edited(folder, "keep = 7 ", "keep = 5 ")
    now = edited(folder, "margin = 0.9", "margin = 0.5")
    found = starting.candidate_of(now, kept)
    assert found.release == kept
    assert found.project.manifest.evaluation.gate["abstention"].margin == 0.5
    assert found.project.manifest.retrieval.keep == 7


def test_a_plan_charges_what_the_budget_grants(environment: Opened, candidate: Project) -> None:
    found = starting.Candidate(candidate)
    intent = starting.intended(
        environment.database, environment.project, found, environment.log.traffic(), at=1_795_000_000.0
    )
    assert intent.planned.allowance.alpha == intent.planned.plan.promotion_alpha == 0.05
    assert intent.planned.plan.stages == (0.01, 0.05, 0.25)
