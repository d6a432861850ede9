"""``assay rollout`` and ``assay environment``, as typed; what servers see is appended by the tests."""

from __future__ import annotations

import io
import json
import math
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from assay.cli.rollout_tables import bar, interval, span
from assay.cli.rollout_watch import watch
from assay.releases.history.environments import point
from assay.releases.measuring.evaluating import evaluate
from assay.releases.project import Project
from assay.rollouts.evidence.following import Follower
from assay.rollouts.overview import Opened, Overview, opened
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import Finding, Gated, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout
from assay.stores.events import EventLog
from assay.testing.model_server import ModelServer, Received
from assay.testing.replies import Hang, Reply, Say

if TYPE_CHECKING:
    from tests.cli.conftest import Run

GATE = "[evaluation.gate]\nabstention = { margin = 0.9 }\n#"
ERRORS = Guard("errors", "errors", "share", allowed=0.05, harm=0.0)
COST = Guard("cost", "cost", "mean", allowed=1.2, harm=1.2, bound=0.05)


def edit(old: str, new: str) -> None:
    file = Path("assay.toml")
    said = file.read_text("utf-8")
    assert old in said
    file.write_text(said.replace(old, new, 1), "utf-8")


@pytest.fixture
def live(app: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The handbook, ingested, live, with a gate that is easily passed, and a change that is not live yet."""
    monkeypatch.setenv("ASSAY_USER", "ana")
    assert run("ingest", "--quiet").code == 0
    assert run("environment", "deploy", "-m", "the first").code == 0
    edit("[evaluation.gate] ", GATE)
    edit("# keep = 8 ", "keep = 7 ")
    return app


class Traffic:
    """Users who ask, and a conductor: what server processes do, on a clock of its own."""

    def __init__(self, environment: Opened, *, failing: float = 0.0, seed: int = 1) -> None:
        self.now = time.time() - 3 * 86_400
        self._events = EventLog(environment.database, clock=lambda: self.now)
        self.log = TrafficLog(self._events, "production", point=point)
        self._random, self._failing = random.Random(seed), failing

    def start(self, candidate: str, *, id: str = "aaaa1111", plan: Plan | None = None) -> None:
        traffic = self.log.traffic()
        chosen = plan or Plan((0.2, 0.5), (ERRORS, COST), 0.05, 0.05, "user", 50, 60.0, 86_400.0, 0.5, None, True)
        started = Started(id, candidate, traffic.live or "", chosen, 0.05, "2026-Q4", "fewer passages", "ana")
        self.log.append(traffic, started, Gated(id, "pass", ".assay/comparisons/x.json", "no worse", "ana"))

    def ask(self, batches: int) -> None:
        """Each batch is a minute with 50 users."""
        traffic = self.log.traffic()
        rollout = traffic.rollout
        assert rollout is not None
        follower = Follower(self._events, rollout.id, rollout.plan)
        for _ in range(batches):
            self.now += 60
            seen = [self._observed(rollout).as_event() for _ in range(50)]
            self._events.append(stream(rollout.id), seen)
            if (decided := follower.follow(rollout, self.now)) is not None:
                traffic = self.log.append(traffic, decided)
                if traffic.rollout is None:
                    return
                rollout = traffic.rollout

    def _observed(self, rollout: Rollout) -> Observation:
        unit = unit_of(rollout.id, f"user {self._random.random()}")
        arm = assign(rollout.id, unit, {"candidate": rollout.share, "live": 1 - rollout.share})
        failed = float(self._random.random() < (self._failing if arm == "candidate" else 0.02))
        cost = self._random.lognormvariate(-6.5, 0.3)
        return Observation(unit, arm, rollout.stage, f"t{self._random.random()}", {"errors": failed, "cost": cost})


@contextmanager
def traffic(*, failing: float = 0.02) -> Iterator[Traffic]:
    with opened(Project.load(None), "production") as environment:
        yield Traffic(environment, failing=failing)


def kept(run: Run) -> str:
    """The digest of the file's release, which is kept."""
    found = run("release", "create", "-m", "x", "--json")
    assert found.code == 0
    return str(Project.load(None).release.digest)


def test_from_nothing_live_to_a_rollout_that_waits_for_servers(run: Run, app: Path) -> None:
    assert run("ingest", "--quiet").code == 0
    assert "nothing is live yet" in run("rollout", "status").out
    assert "there has been no rollout" in run("rollout", "list").out
    refused = run("rollout", "start")
    assert refused.code == 2
    assert "assay serve" in refused.err
    assert "assay environment deploy" in refused.err
    assert "say why" in run("environment", "deploy").err
    assert "is live in production" in run("environment", "deploy", "-m", "the first").out
    assert "is live in production already" in run("rollout", "start").err
    edit("# keep = 8 ", "keep = 7 ")
    refused = run("rollout", "start")
    assert refused.code == 2
    assert "[evaluation.gate]" in refused.err
    assert "--skip-gate WHY" in refused.err
    assert run("environment", "risk", "--json").json["spent"] == 0
    started = run("rollout", "start", "--skip-gate", "tried by hand", "-m", "fewer passages", "--yes")
    assert started.code == 0
    assert "changes: retrieval.keep: 8 → 7" in started.err
    assert "charged 0.05 of the 0.5" in started.err
    assert "shadow: copies of 10 % of the questions" in started.out
    assert "`assay serve`" in started.err
    second = run("rollout", "start")
    assert second.code == 2
    assert "is under way in production; wait for it" in second.err
    shown = run("environment", "list", "--json").json
    assert [each["environment"] for each in shown] == ["production", "staging"]
    assert shown[0]["risk"]["spent"] == 0.05
    assert shown[0]["rollout"] == run("rollout", "status", "--json").json["rollout"]["id"]


def test_a_gate_decides_by_its_exit_status(run: Run, live: Path) -> None:
    passed = run("rollout", "start", "-m", "fewer passages", "--quiet")
    assert passed.code == 0, passed.err
    assert "offline gate: pass" in passed.out
    assert "assay eval recompute .assay/comparisons/" in " ".join(passed.out.split())
    assert run("rollout", "abort", "-m", "enough").code == 0
    edit("margin = 0.9", "margin = 0.01")
    again = run("rollout", "start", "--json")
    assert again.code == 2
    assert again.json["gate"]["verdict"] == "inconclusive"
    assert "would settle it" in again.json["gate"]["why"]
    assert run("rollout", "watch").code == 2
    listed = run("rollout", "list", "--json").json
    assert [(each["outcome"], each["charged"]) for each in listed] == [("inconclusive", 0.0), ("rolled back", 0.05)]
    risk = run("environment", "risk", "--json").json
    assert (risk["spent"], [each["risk"] for each in risk["charges"]]) == (0.05, [0.05, 0.0])
    assert "nothing was charged" in " ".join(run("rollout", "why").out.split())


def test_a_gate_that_cannot_be_asked_leaves_a_rollout_to_go_on_with(
    run: Run, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.errors import ModelUnavailable

    async def broken(*_: object) -> None:
        raise ModelUnavailable("connection refused", model="main")

    unbroken = evaluate
    monkeypatch.setattr("assay.rollouts.starting.evaluate", broken)
    failed = run("rollout", "start")
    assert failed.code == 2
    assert "stays in its gate" in failed.err
    assert "connection refused" in failed.err
    assert "in its offline gate" in run("rollout", "status").out
    monkeypatch.setattr("assay.rollouts.starting.evaluate", unbroken)
    resumed = run("rollout", "resume")
    assert resumed.code == 0
    assert "offline gate: pass" in resumed.out
    assert len(run("rollout", "list", "--json").json) == 1


QUESTIONS = (
    "How many days of paid holiday are there a year?",
    "How many unused days may be carried over?",
    "Which class are trains booked in?",
    "What may a hotel cost a night?",
)
MAIN = '\n[models.main]\nuses = "openai-compatible"\nbase_url = "{url}"\nmodel = "scripted"\n\n[answer]'


def test_killed_in_the_gate_the_same_start_goes_on_and_asks_nothing_twice(run: Run, live: Path) -> None:
    stuck, freed = threading.Event(), threading.Event()

    def slow(_: Received) -> Reply:
        if freed.is_set() or len(model.received) < 2:
            return Say("Trains are in second class. [1]")
        stuck.set()
        return Hang()

    lines = [
        json.dumps({"id": str(n), "question": question, "answerable": True}) for n, question in enumerate(QUESTIONS)
    ]
    (live / "evals" / "example.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    model = ModelServer(slow)
    with model.in_thread():
        edit("\n[answer]", MAIN.format(url=model.base_url))
        edit('route = ["local"]', 'route = ["main"]')
        edit("datasets =", "concurrency = 1\ndatasets =")
        edit("# guards =", "guards = { errors = { margin = 0.01 } }\n# guards =")
        command = [sys.executable, "-c", "from assay.cli.entry import main; main()", "rollout", "start", "-m", "new"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert stuck.wait(45), process.communicate(timeout=5)
                # Answers are written a moment after they came; the process now waits for the next one.
                forecasts = (run("eval", "--dry-run", "--json", "--against", "production").json for _ in range(20))
                foreseen = next(each for each in forecasts if each["this file"]["answers"]["known"])
            finally:
                process.kill()
        freed.set()
        assert "in its offline gate" in run("rollout", "status").out
        missing, before = sum(each["answers"]["missing"] for each in foreseen.values()), len(model.received)
        found = run("rollout", "start", "--quiet")
        assert found.code == 0, found.err
        assert "is in its gate" in found.err
        assert "offline gate: pass" in found.out
        assert 1 <= len(model.received) - before <= missing
        assert len(run("rollout", "list", "--json").json) == 1


def test_the_same_start_goes_on_in_the_gate(run: Run, live: Path) -> None:
    digest = kept(run)
    with traffic() as users:
        state = users.log.traffic()
        plan = Plan((0.2,), (ERRORS,), 0.05, 0.05, "user", 50, 60.0, 86_400.0, 0.5, None, True)
        users.log.append(state, Started("aaaa1111", digest, state.live or "", plan, 0.05, "2026-Q4", "", "ana"))
    found = run("rollout", "start", "--skip-gate", "known")
    assert found.code == 0
    assert "rollout aaaa1111 of this release is in its gate" in found.err
    assert "stage 1 of 1: 20 % of users" in found.out


def test_an_equal_candidate_is_promoted_and_the_story_told(run: Run, live: Path) -> None:
    digest = kept(run)
    with traffic() as users:
        users.start(digest)
        users.ask(8)
        half = run("rollout", "status")
        assert "rollout aaaa1111 of release" in half.out
        assert "difference, any time" in half.out
        users.ask(400)
    told = run("rollout", "status").out
    assert f"release {digest[:12]} is live since" in told
    assert "promoted by rollout aaaa1111" in told
    assert run("rollout", "watch").code == 0
    why = run("rollout", "why", "aaaa")
    assert why.code == 0
    said = " ".join(why.out.split())
    for phrase in (
        "started by ana: fewer passages",
        "changes: retrieval.keep: 8 → 7",
        "the offline gate passed",
        "stage 2 of 2: 50 % of users",
        "promoted: the candidate is live",
        "budget of 2026-Q4 (0.45 of 0.5 were left)",
        "decisions were computed again from the raw events, and are the same",
    ):
        assert phrase in said
    assert run("environment", "show", "--json").json["history"][0]["how"] == "promoted by rollout aaaa1111"
    assert "one release to another" not in run("rollout", "abort").err
    assert "no rollout is under way" in run("rollout", "abort").err


def test_a_failing_candidate_goes_back_and_why_says_so(run: Run, live: Path) -> None:
    digest = kept(run)
    with traffic(failing=0.3) as users:
        users.start(digest)
        users.ask(60)
    assert run("rollout", "watch").code == 1
    why = run("rollout", "why", "--json")
    assert why.code == 0
    last = why.json["decisions"][-1]
    assert last["recorded"]["kind"] == "rolled_back"
    assert last["recorded"]["reason"] == "harm"
    assert last["again"]["kind"] == "rolled_back"
    assert why.json["same"] is True
    assert "a guard showed harm" in run("rollout", "list").out
    assert run("environment", "list", "--json").json[0]["live"] != digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("""update events set event = replace(event, '"kind":"promoted"', '"kind":"promoted" ')""", None),
        (
            """update events set event = replace(event, '"n":', '"n":1') where event like '%"kind":"promoted"%'""",
            "recorded as",
        ),
        (
            """update events set event = replace(event, '"errors":0.0', '"errors":1.0')"""
            " where stream like 'observations/%' and version % 3 = 0",
            "computed again",
        ),
    ],
)
def test_what_was_tampered_with_is_named(run: Run, live: Path, change: str, named: str | None) -> None:
    digest = kept(run)
    with traffic() as users:
        users.start(digest)
        users.ask(400)
    with opened(Project.load(None), "production") as environment, environment.database.write() as connection:
        assert connection.exec_driver_sql(change).rowcount
    found = run("rollout", "why")
    if named is None:
        assert found.code == 0, found.out
    else:
        assert found.code == 1
        assert "it DIFFERS" in found.out
        assert named in found.out
        assert "not what the raw events give" in found.out
        assert run("rollout", "why", "--json").code == 1


def test_a_hand_on_the_rollout(run: Run, live: Path) -> None:
    digest = kept(run)
    with traffic() as users:
        users.start(digest)
    assert "is paused" in run("rollout", "pause", "-m", "lunch").out
    assert "PAUSED" in run("rollout", "status").out
    assert "paused already" in run("rollout", "pause").err
    assert "goes on" in run("rollout", "resume").out
    assert "is not paused" in run("rollout", "resume").err
    assert run("rollout", "pin", "bo", "--to", "candidate", "--json").json["arm"] == "candidate"
    assert "write candidate, live or none" in run("rollout", "pin", "bo", "--to", "nobody").err
    for command in (("exclude", ""), ("exclude", " "), ("pin", "", "--to", "live")):
        assert "the user is empty" in run("rollout", *command).err
    assert run("rollout", "exclude", "cy", "--json").json["unit"] == unit_of("aaaa1111", "cy")
    assert run("rollout", "status", "--json").json["rollout"]["pinned"] == 2
    assert run("rollout", "pin", "cy", "--to", "none").code == 0
    assert run("rollout", "status", "--json").json["rollout"]["pinned"] == 1
    aborted = run("rollout", "abort", "-m", "users complain")
    assert "from the next request on" in aborted.out
    assert "ana ended it: users complain" in " ".join(run("rollout", "why").out.split())
    assert "no environment 'prod'" in run("rollout", "status", "--environment", "prod").err
    assert "nothing is live yet" in run("rollout", "status", "-e", "staging").out
    assert "no rollout of production begins with 'zz'" in run("rollout", "why", "zz").err


def test_a_reason_gives_the_terminal_no_orders(run: Run, live: Path) -> None:
    evil = "\x1b]0;PWNED\x07\x1b[31m\x9b2J"
    started = run("rollout", "start", "-m", f"why {evil}", "--skip-gate", f"skip {evil}", "--yes")
    assert started.code == 0
    looked = [run("rollout", each) for each in ("status", "why", "list")]
    for ran in (started, *looked, run("rollout", "status", "--json"), run("rollout", "why", "--json")):
        assert not set(ran.out + ran.err) & {"\x1b", "\x07", "\x9b"}
    assert "PWNED" in started.out
    assert all("PWNED" in ran.out for ran in looked)


def test_a_preflight_forecasts_at_a_traffic_that_is_given(run: Run, live: Path) -> None:
    assert "say it: --answers-per-hour N" in run("rollout", "preflight").err
    assert "write GUARD=VALUE" in run("rollout", "preflight", "--rate", "errors").err
    assert "are no traffic" in run("rollout", "preflight", "--answers-per-hour", "1e308").err
    found = run("rollout", "preflight", "--answers-per-hour", "500", "--rate", "errors=0.02")
    assert found.code == 0
    said = " ".join(found.out.split())
    assert "traffic: 500 answers" in said
    assert "safe after" in said
    assert "get the candidate" in said
    told = run("rollout", "preflight", "--answers-per-hour", "2", "--json").json
    assert told["cannot"], "so little traffic decides nothing within a week"


class Story:
    """A clock that moves the rollout on each time somebody waits."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps, self.waited = list(steps), 0

    def sleep(self, seconds: float) -> None:
        self.waited += 1
        if self._steps:
            self._steps.pop(0)()


@pytest.mark.parametrize("terminal", [False, True])
def test_watching_ends_with_the_rollout(run: Run, live: Path, terminal: bool) -> None:
    digest = kept(run)
    said = io.StringIO()
    console = Console(file=said, force_terminal=terminal, width=80)
    with opened(Project.load(None), "production") as environment:
        users = Traffic(environment, failing=0.02)
        users.start(digest)
        story = Story(lambda: None, lambda: users.ask(12), lambda: users.ask(400))
        code = watch(Overview(environment), console, clock=lambda: users.now, sleep=story.sleep)
    assert code == 0
    assert story.waited == 3
    told = said.getvalue()
    assert "stage 1 of 2" in told
    assert "stage 2 of 2" in told
    assert "promoted" in told
    if not terminal:
        lines = told.splitlines()
        assert len(lines) == len(set(lines)), "a line only where something changed"
        assert "\x1b" not in told


def test_watching_tells_of_the_rollout_that_was_watched_not_of_a_later_one(run: Run, live: Path) -> None:
    digest = kept(run)
    console = Console(file=io.StringIO(), width=80)
    with opened(Project.load(None), "production") as environment:
        users = Traffic(environment)
        users.start(digest)

        def replaced() -> None:
            from assay.rollouts.steering import abort

            abort(users.log, why="", by="ana")
            users.start(digest, id="bbbb2222")

        code = watch(Overview(environment), console, clock=lambda: users.now, sleep=Story(replaced).sleep)
    assert code == 1


@pytest.mark.parametrize(
    ("log_e", "shown"),
    [
        (-5.0, "....  0%"),
        (0.0, "....  0%"),
        (math.log(20) / 2, "##.. 50%"),
        (math.log(20) * 0.999, "###. 99%"),
        (math.log(20), "#### 100%"),
        (math.inf, "#### 100%"),
        (-math.inf, "....  0%"),
    ],
)
def test_a_bar_is_full_only_where_the_threshold_is_reached(log_e: float, shown: str) -> None:
    assert bar(log_e, math.log(20)) == shown


@pytest.mark.parametrize(
    ("guard", "low", "high", "shown"),
    [
        (ERRORS, None, None, "+25.0"),
        (ERRORS, -0.02, 0.4, "+25.0 [-2.0, +40.0]"),
        (COST, None, None, "×2.00"),
        (COST, math.nan, math.inf, "×2.00"),
        (COST, 0.9, 3.1, "×2.00 [0.90, 3.10]"),
    ],
)
def test_bounds_are_shown_where_there_are_any(guard: Guard, low: float | None, high: float | None, shown: str) -> None:
    assert interval(guard, Finding(guard.name, 0.0, 0.0, 4, 4, 0.5, 0.25, low, high)) == shown


def test_lengths_of_time_are_read_easily() -> None:
    assert [span(each) for each in (0, 59, 600, 86_400, 90_000, -3)] == [
        "0 s",
        "59.0 s",
        "10 min 00 s",
        "1 d",
        "1 d 1 h",
        "0 s",
    ]


def test_a_release_whose_index_is_not_built_is_not_compared(run: Run, live: Path) -> None:
    edit("# max_tokens = 200", "max_tokens = 100")
    found = run("rollout", "start", "--skip-gate", "tried")
    assert found.code == 2
    assert "run `assay ingest`" in found.err
    assert run("rollout", "list", "--json").json == []


def test_a_plan_of_sessions_is_told_of_sessions(run: Run, live: Path) -> None:
    digest = kept(run)
    plan = Plan((0.2,), (ERRORS,), 0.05, 0.05, "session", 50, 60.0, 86_400.0, 0.5, None, True)
    with traffic() as users:
        users.start(digest, plan=replace(plan, sticky="session"))
    assert "20 % of sessions" in run("rollout", "status").out
    assert "session s1 is pinned to live" in run("rollout", "pin", "s1", "--to", "live").out
