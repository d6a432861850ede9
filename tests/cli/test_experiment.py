"""``assay experiment``, as typed; what servers see is appended by the tests."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from rich.console import Console

from assay.cli.experiment_watch import watch
from assay.releases.history.environments import point
from assay.releases.project import Project
from assay.rollouts.experiments.conducting import ExperimentConduct
from assay.rollouts.experiments.overview import Overview
from assay.rollouts.experiments.starting import start
from assay.rollouts.overview import Opened, opened
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import Gated, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Design, Guard, Plan
from assay.stores.events import EventLog

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def live(app: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The handbook, ingested and live, and a file that differs from what is live."""
    monkeypatch.setenv("ASSAY_USER", "ana")
    assert run("ingest", "--quiet").code == 0
    assert run("environment", "deploy", "-m", "the first").code == 0
    file = Path("assay.toml")
    said = file.read_text("utf-8")
    assert "# keep = 8 " in said
    file.write_text(said.replace("# keep = 8 ", "keep = 7 ", 1), "utf-8")
    return app


class Traffic:
    """Users who ask, and a conductor: what server processes do, on a clock of its own."""

    def __init__(self, environment: Opened) -> None:
        self.now = time.time() - 3 * 86_400
        self.events = EventLog(environment.database, clock=lambda: self.now)
        self.log = TrafficLog(self.events, "production", point=point)
        self._conduct = ExperimentConduct(self.log, self.events, lambda _: None, clock=lambda: self.now)
        self._random, self._asked = random.Random(1), 0

    def ask(self, batches: int, rates: dict[str, float]) -> None:
        """Each batch is a minute with 50 users, some of whom are pleased."""
        for _ in range(batches):
            experiment = self.log.traffic().experiment
            if experiment is None:
                return
            self.now += 60
            names = [name for name, _ in experiment.design.arms]
            shares = dict(zip(names, experiment.shares, strict=True))
            lines = []
            for _ in range(50):
                self._asked += 1
                unit = unit_of(experiment.id, f"user {self._asked}")
                arm = assign(experiment.id, unit, shares)
                values = {"errors": 0.0, "feedback": float(self._random.random() < rates[arm])}
                seen = Observation(unit, arm, experiment.epoch, f"t{self._asked}", values, True, shares[arm])
                lines.append(seen.as_event())
            self.events.append(stream(experiment.id), lines)
            anyio.run(self._conduct.__call__)


@contextmanager
def traffic() -> Iterator[Traffic]:
    with opened(Project.load(None), "production") as environment:
        yield Traffic(environment)


def begun(run: Run, *more: str) -> Design:
    """An experiment's design as the command line makes it; the experiment itself is stopped again."""
    assert run("experiment", "start", "live", "assay.toml", "--metric", "feedback", "-m", "only made", *more).code == 0
    with traffic() as found:
        experiment = found.log.traffic().experiment
        assert experiment is not None
    assert run("experiment", "stop", "-m", "only made").code == 0
    return experiment.design


def test_an_experiment_is_started_shown_and_stopped(run: Run, live: Path) -> None:
    assert "no experiment yet" in run("experiment", "status").out
    assert "no experiment in production yet" in run("experiment", "list").out
    assert "no experiment in production yet" in run("experiment", "why").err
    ran = run("experiment", "start", "live", "assay.toml", "--metric", "feedback", "-m", "fewer passages?")
    assert ran.code == 0, ran.err
    assert "is started in production" in ran.out
    for line in ("A  release", "50 % of users: the reference", "decided by feedback (more is better); guards: errors"):
        assert line in ran.err
    status = run("experiment", "status").out
    assert "fewer passages?" in status
    assert "no arm is shown to be best" in status
    assert "experiment" in run("rollout", "status").out
    refused = run("rollout", "start", "--skip-gate", "x")
    assert (refused.code, "experiment" in refused.err, "assay experiment stop" in refused.err) == (2, True, True)
    again = run("experiment", "start", "live", "assay.toml", "--metric", "feedback")
    assert (again.code, "is under way" in again.err) == (2, True)
    found = run("experiment", "status", "--json").json["experiment"]
    assert [arm["arm"] for arm in found["arms"]] == ["A", "B"]
    assert found["design"]["guards"] == ["errors", "latency_p95", "abstention"]
    stopped = run("experiment", "stop", "-m", "enough")
    assert (stopped.code, "answers everybody from the next request on" in stopped.out) == (0, True)
    assert run("experiment", "stop").code == 2
    listed = run("experiment", "list")
    assert "stopped" in listed.out
    assert "a person stopped it" in listed.out
    story = run("experiment", "why")
    assert story.code == 0
    for line in ("started by ana: fewer passages?", "B changes:", "stopped by ana: enough", "nobody has counted"):
        assert line in story.out
    assert run("experiment", "list", "--json").json[0]["outcome"] == "stopped"


def test_a_better_arm_is_found_and_the_next_command_is_told(run: Run, live: Path) -> None:
    design = begun(run, "--policy", "thompson", "--guards", "errors", "--floor", "0.1")
    with traffic() as found:
        start(found.log, design, why="which?", by="ana", new_id=lambda: "eeee1111")
        found.ask(4, {"A": 0.5, "B": 0.5})
        status = run("experiment", "status").out
        assert "is best" in status
        assert "shares changed" in status
        found.ask(60, {"A": 0.3, "B": 0.8})
        assert found.log.traffic().experiment is None
        console = Console(file=io.StringIO(), width=200)
        assert watch(Overview(found.log, found.events), console, clock=lambda: found.now) == 0
        told = console.file.getvalue()  # type: ignore[attr-defined]
    release = dict(design.arms)["B"][:12]
    assert "B is best" in told
    assert f"assay rollout start {release}" in told
    assert f"assay rollout start {release}" in run("experiment", "status").out
    story = run("experiment", "why", "eeee")
    assert story.code == 0
    for line in (
        "shares became",
        "ended (B is best)",
        "computed again from the raw events: the same",
        "retrieval.keep",
    ):
        assert line in story.out
    assert "decisions were computed again from the raw events, and are the same" in " ".join(story.out.split())
    found_json = run("experiment", "why", "eeee", "--json").json
    assert (found_json["same"], found_json["winner"]) == (True, "B")
    assert all(not each["differences"] for each in found_json["decisions"])


def test_why_finds_what_was_altered(run: Run, live: Path) -> None:
    design = begun(run)
    with traffic() as found:
        start(found.log, design, why="", by="ana", new_id=lambda: "eeee1111")
        found.ask(60, {"A": 0.2, "B": 0.9})
    with opened(Project.load(None), "production") as environment, environment.database.write() as connection:
        changed = connection.exec_driver_sql(
            "UPDATE events SET event = json_set(event, '$.winner', 'A') WHERE event LIKE '%experiment_ended%' "
            "AND event LIKE '%\"found\"%'"
        )
        assert changed.rowcount == 1
    story = run("experiment", "why")
    assert story.code == 1
    told = " ".join(story.out.split())
    assert "recorded: ended (found), A is best; computed again: ended (found), B is best" in told
    assert "1 of 1 decisions is not what the raw events give" in told
    assert run("experiment", "why", "--json").json["same"] is False


def test_watch_tells_of_changes_and_exits_by_the_outcome(run: Run, live: Path) -> None:
    design = replace(begun(run, "--policy", "thompson"), longest_seconds=600.0)
    with traffic() as found:
        start(found.log, design, why="", by="ana", new_id=lambda: "eeee1111")
        console = Console(file=io.StringIO(), width=200)
        code = watch(
            Overview(found.log, found.events),
            console,
            clock=lambda: found.now,
            sleep=lambda _: found.ask(1, {"A": 0.5, "B": 0.5}),
        )
        told = console.file.getvalue()  # type: ignore[attr-defined]
    assert code == 2
    assert told.count("experiment eeee1111: shares") >= 2
    assert "inconclusive" in told


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--metric", "fedback"), "--metric fedback: nothing measures fedback"),
        (("--metric", "feedback", "--shares", "0.5,x"), "--shares '0.5,x'"),
        (("--metric", "feedback", "--policy", "greedy"), "write fixed or thompson"),
        (("--metric", "feedback", "--longest", "7"), "--longest"),
        (("--metric", "feedback", "--sticky", "ip"), "write user, session or request"),
        (("--metric", "feedback", "--shares", "nan,nan"), "--shares nan,nan: each is above 0"),
        (("--metric", "feedback", "--shares", "0.06,0.94", "-m", "x"), "is not live and could get 0.94 of the users"),
        (("--metric", "feedback"), "say why users get releases"),
        (("--metric", "feedback", "-m", "x", "--skip-gate", " "), "--skip-gate is empty"),
        (("--metric", "cost"), "no answer of the candidate can cost anything"),
    ],
)
def test_what_cannot_be_started(run: Run, live: Path, more: tuple[str, ...], message: str) -> None:
    ran = run("experiment", "start", "live", "assay.toml", *more)
    assert ran.code == 2
    assert message in ran.err
    assert "no experiment" in run("experiment", "list").out


def test_a_release_that_failed_its_gate_is_shown_to_users_only_for_a_reason(run: Run, live: Path) -> None:
    begun(run)  # keeps the release
    with traffic() as found:
        state, candidate = found.log.traffic(), str(Project.load(None).release.digest)
        plan = Plan(
            (0.2,), (Guard("errors", "errors", "share", 0.05, 0.0),), 0.05, 0.05, "user", 9, 60.0, 1e5, 0.5, None, True
        )
        started = Started("aaaa1111", candidate, state.live or "", plan, 0.05, "2026-Q4", "", "ana")
        found.log.append(state, started, Gated("aaaa1111", "fail", None, "correctness fell", "ana"))
    command = ("experiment", "start", "live", "assay.toml", "--metric", "feedback", "-m", "which?")
    refused = run(*command)
    assert refused.code == 2
    assert "failed its offline gate in rollout aaaa1111 (correctness fell)" in refused.err
    assert run(*command, "--skip-gate", "the cases are old").code == 0
    assert "which? (gate skipped: the cases are old)" in run("experiment", "status").out


def test_rankings_are_compared_on_a_datasets_questions(run: Run, live: Path) -> None:
    questions = Path("questions.jsonl")
    asked = [("How many days of holiday?", "holidays.md"), ("What may a hotel cost?", "travel.md")]
    lines = [{"id": str(at), "question": q, "relevant": [d]} for at, (q, d) in enumerate(asked)]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    ran = run("experiment", "interleave", "live", "assay.toml", "--dataset", questions)
    assert ran.code == 2  # both find the same
    for line in ("neither ranking is shown to be preferred on 2 questions", "ties 2", "nDCG@10 on the same questions"):
        assert line in ran.out
    found = run("experiment", "interleave", "live", "assay.toml", "--dataset", questions, "--json").json
    assert (found["questions"], found["ties"], found["preferred"]) == (2, 2, None)
    assert run("experiment", "interleave", "live").code == 2
    assert run("experiment", "interleave", "live", "assay.toml", "--live", "--dataset", questions).code == 2


def test_rankings_are_compared_on_users_questions(run: Run, live: Path) -> None:
    turned = run("experiment", "interleave", "assay.toml", "live", "--live")
    assert (turned.code, "must be the live one" in turned.err) == (2, True)
    ran = run("experiment", "interleave", "live", "assay.toml", "--live", "-m", "fewer passages?")
    assert ran.code == 0, ran.err
    assert "decided by whose passages the answers cite" in ran.err
    status = run("experiment", "status").out
    assert "questions: 0" in status
    assert "neither ranking is shown to be preferred" in status


def test_each_name_points_at_the_other(run: Run) -> None:
    assert "assay experiments" in " ".join(run("experiment", "--help").out.split())
    assert "assay experiment`" in " ".join(run("experiments", "--help").out.split())
