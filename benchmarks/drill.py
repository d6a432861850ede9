"""The drill: rollouts under load, of candidates that are worse in one way each, the same, or better.

Two servers share one store. Users ask steadily, each user either server, streamed and whole. A candidate is started
from another process, without the offline gate, which would catch most of these: what is tried is whether the canary
does. Then it is waited for what happens. Nothing is told to the servers but by the store.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from benchmarks import machine
from benchmarks.drilled import INVENTING, Model
from benchmarks.options import ROOT, Options
from benchmarks.tables import table

RATE = 8.0
"""Requests a second, from all users together: about half of what two cores can answer, or queues would be measured."""
AT_ONCE = 12
LONGEST = 420.0
"""Seconds after which a rollout that has not ended is given up."""
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Scenario:
    """``live`` and ``candidate`` are replacements in the application's file or prompt, as (old, new)."""

    name: str
    expected: str
    candidate: Sequence[tuple[str, str]]
    live: Sequence[tuple[str, str]] = ()


SCENARIOS = (
    Scenario("10 % errors", "rolled back", [('model = "steady"', 'model = "failing"')]),
    Scenario("p95 doubled", "rolled back", [('model = "steady"', 'model = "slow"')]),
    Scenario("cost doubled", "rolled back", [("output = 4.0", "output = 8.0"), ("input = 1.0", "input = 2.0")]),
    Scenario("unfaithful prompt", "rolled back", [("Do not add what you know from elsewhere", INVENTING)]),
    Scenario("nothing wrong", "promoted", [("Be brief.", "Be brief and plain.")]),
    Scenario(
        "slightly better",
        "promoted",
        [('model = "shaky"', 'model = "steady"')],
        live=[('model = "steady"', 'model = "shaky"')],
    ),
)

ROLLOUT = """
[rollout]
stages = [0.25, 0.5, 1.0]
alpha = 0.05
least_answers = 30
least_time = "3 s"
longest = "10 min"
judged = 1.0
shadow = { share = 0.2, answers = 30, time = "60 s", cost = "1 USD" }

[rollout.guards]
errors = { margin = 0.05 }
latency_p95 = { ratio = 1.5 }
cost = { ratio = 1.25 }
faithfulness = { margin = 0.05 }
"""


def run(options: Options) -> dict[str, Any]:
    """Print the table; return its figures. What was said is kept under ``work``."""
    state = machine.probe()
    kept = options.work / "drill"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = os.environ.get("DRILL")
    scenarios = [each for each in SCENARIOS if wanted is None or re.search(wanted, each.name)]
    found = {scenario.name: drill(scenario, kept) for scenario in scenarios}
    header = [
        "candidate",
        "ended",
        "seconds",
        "answers",
        "of the candidate",
        "its users",
        "lost",
        "p50 / p95 ms",
        "why",
    ]
    rows = [_row(name, ended) for name, ended in found.items()]
    title = f"rollouts under load, two servers on one store (load {state.load}, cores got {state.share:.0%})"
    table(title, header, rows)
    return found


def _row(name: str, ended: dict[str, Any]) -> list[object]:
    mark = "" if ended["outcome"] == ended["expected"] else f" (EXPECTED {ended['expected']})"
    return [
        name,
        ended["outcome"] + mark,
        f"{ended['seconds']:.0f}",
        ended["answers"],
        ended["candidate_answers"],
        ended["candidate_users"],
        ended["lost"],
        f"{ended['p50']:.0f} / {ended['p95']:.0f}",
        ended["why"],
    ]


def drill(scenario: Scenario, kept: Path) -> dict[str, Any]:
    """One rollout, from a new application to its end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "app"
        model = stack.enter_context(Model().server().in_thread())
        _application(folder, model.base_url, scenario.live)
        servers = [stack.enter_context(_server(folder, kept / f"server-{n}.log")) for n in range(2)]
        _replace(folder, scenario.candidate)
        said = asyncio.run(_under_load(folder, servers, scenario))
        why = _assay(folder, "rollout", "why", check=False).stdout
        name = re.sub(r"\W+", "-", scenario.name).strip("-")
        (kept / f"{name}.why.txt").write_text(why, encoding="utf-8")
        (kept / f"{name}.diff.txt").write_text(_assay(folder, "release", "diff", "live").stdout, encoding="utf-8")
        return said | {"expected": scenario.expected}


def _application(folder: Path, base_url: str, changes: Sequence[tuple[str, str]]) -> None:
    _assay(folder.parent, "init", str(folder), "--from", str(DOCS), "--name", "drill")
    file = folder / "assay.toml"
    text = re.sub(r"(?m)^\[rollout[^\n]*\n(?:(?!\[)[^\n]*\n)*", "", file.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^route = .*$", 'route = ["main"]', text)
    text = re.sub(r"(?m)^unsupported = .*\n", "", text)
    text = re.sub(r"(?m)^(keep|candidates|linked|context_tokens) = .*\n", "", text)
    text = text.replace("[retrieval]\n", "[retrieval]\nkeep = 2\ncandidates = 20\nlinked = false\n")
    text = text.replace("[answer]\n", '[answer]\nunsupported = "mark"\ncontext_tokens = 400\n')
    text += (
        f'\n[models.main]\nuses = "openai-compatible"\nbase_url = "{base_url}"\nmodel = "steady"\n'
        f"max_tokens = 200\nprice = {{ input = 1.0, output = 4.0 }}\n{ROLLOUT}"
    )
    file.write_text(text, encoding="utf-8")
    _replace(folder, changes)
    _assay(folder, "ingest", "--quiet")


def _replace(folder: Path, changes: Sequence[tuple[str, str]]) -> None:
    files = [folder / "assay.toml", *folder.glob("prompts/*.md")]
    for old, new in changes:
        hit = [file for file in files if old in file.read_text(encoding="utf-8")]
        if not hit:
            raise SystemExit(f"the drill's application does not say {old!r}")
        for file in hit:
            file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@contextmanager
def _server(folder: Path, log: Path) -> Iterator[str]:
    """A server of the application; gives its address."""
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [_program(), "serve", "--port", "0", "--grace", "5"], cwd=folder, stderr=said, stdout=said
        )
    try:
        yield _address(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+/v1", log.read_text(encoding="utf-8")):
            return found[0]
        time.sleep(0.1)
    raise SystemExit(f"a server did not start: {log.read_text(encoding='utf-8')}")


@dataclass(slots=True)
class Load:
    """What the users saw. ``lost`` are answers that did not come or did not end; ``refused`` ended in an error of
    the live release's own model, which is no loss of the rollout's."""

    servers: Sequence[str]
    questions: Sequence[str]
    lot: random.Random = field(default_factory=lambda: random.Random(11))
    answers: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    releases: dict[str, int] = field(default_factory=dict)
    _users: list[str] = field(default_factory=list)

    def user(self) -> str:
        """Most questions come from new users, some from those of before."""
        if self._users and self.lot.random() < 0.3:
            return self.lot.choice(self._users)
        self._users.append(f"user-{len(self._users)}")
        return self._users[-1]

    async def ask(self, client: httpx.AsyncClient) -> None:
        """One question of one user to one of the servers."""
        body = {
            "model": "drill",
            "messages": [{"role": "user", "content": self.lot.choice(self.questions)}],
            "user": self.user(),
            "stream": self.lot.random() < 0.5,
        }
        began = time.perf_counter()
        try:
            reply = await client.post(f"{self.lot.choice(self.servers)}/chat/completions", json=body)
        except httpx.HTTPError as error:
            self.lost.append(f"{type(error).__name__}: {error}")
            return
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        if reply.status_code != 200 or (body["stream"] and "data: [DONE]" not in reply.text):
            self.refused_or_lost(reply)
        else:
            self.answers += 1
            for release in re.findall(r'"release":\s*"([0-9a-f]{64})"', reply.text)[:1]:
                self.releases[release] = self.releases.get(release, 0) + 1

    def refused_or_lost(self, reply: httpx.Response) -> None:
        """Count an answer that did not come."""
        if "injected failure" in reply.text:
            self.refused += 1
        else:
            self.lost.append(f"{reply.status_code}: {reply.text[:200]}")


async def _under_load(folder: Path, servers: Sequence[str], scenario: Scenario) -> dict[str, Any]:
    load = Load(servers, _questions())
    async with _asking(load):
        await asyncio.sleep(4)
        live = _live(folder)
        began = time.monotonic()
        started = await asyncio.to_thread(
            _assay, folder, "rollout", "start", "-m", scenario.name, "--yes", "--skip-gate", "drill", check=False
        )
        if started.returncode:
            raise SystemExit(f"rollout start: {started.stdout}{started.stderr}")
        before = load.answers
        outcome = await asyncio.to_thread(_ended, folder)
        seconds, answers = time.monotonic() - began, load.answers - before
        await asyncio.sleep(3)
    found = _observed(folder)
    times = sorted(load.milliseconds)
    return {
        "outcome": outcome["outcome"],
        "why": outcome["because"],
        "live_moved": _live(folder) != live,
        "seconds": seconds,
        "answers": answers,
        **found,
        "lost": len(load.lost),
        "lost_how": load.lost[:5],
        "refused": load.refused,
        "p50": statistics.median(times),
        "p95": times[int(0.95 * len(times))],
        "releases": load.releases,
    }


@asynccontextmanager
async def _asking(load: Load) -> AsyncIterator[None]:
    """Users ask at a steady rate for as long as the context lasts; at its end what was asked is waited for."""
    places = asyncio.Semaphore(AT_ONCE)
    stop = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    async def one(client: httpx.AsyncClient) -> None:
        try:
            await load.ask(client)
        finally:
            places.release()

    async def steady(client: httpx.AsyncClient) -> None:
        due = time.perf_counter()
        while not stop.is_set():
            await places.acquire()
            task = asyncio.create_task(one(client))
            running.add(task)
            task.add_done_callback(running.discard)
            due = max(due + 1 / RATE, time.perf_counter() - 1.0)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    # Shorter than the server keeps them: else one is now and then used just as it is closed.
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(keepalive_expiry=2)) as client:
        asker = asyncio.create_task(steady(client))
        try:
            yield
        finally:
            stop.set()
            await asker
            await asyncio.gather(*running)


def _ended(folder: Path) -> dict[str, Any]:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        listed = json.loads(_assay(folder, "rollout", "list", "--json").stdout)
        if listed and listed[0]["outcome"] not in (None, "under way"):
            return dict(listed[0])
        time.sleep(1.0)
    return {"outcome": "still under way", "because": ""}


def _observed(folder: Path) -> dict[str, Any]:
    from assay.rollouts.traffic.observations import Observation, stream
    from assay.stores.database import Database
    from assay.stores.events import EventLog

    events = EventLog(Database.at(folder / ".assay" / "state.db"))
    rollout = json.loads(_assay(folder, "rollout", "list", "--json").stdout)[0]["rollout"]
    seen = [Observation.from_event(each.event) for each in events.read(stream(rollout)) if each.event["kind"] == "o"]
    mine = [each for each in seen if each.arm == "candidate" and "errors" in each.values]
    return {
        "observations": len(seen),
        "candidate_answers": len(mine),
        "candidate_users": len({each.unit for each in mine}),
    }


def _live(folder: Path) -> str:
    return str(json.loads(_assay(folder, "environment", "show", "production", "--json").stdout)["live"])


def _questions() -> list[str]:
    """Sentences of the documents, asked about: the corpus answers them."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(DOCS.glob("*.md"))]
    plain = [found for text in texts for found in re.findall(r"(?m)^[A-Z][A-Za-z ,']{40,110}\.", text)]
    return [f"Is it so that {sentence[0].lower()}{sentence[1:-1]}?" for sentence in plain]


def _program() -> str:
    return str(Path(sys.executable).with_name("assay"))


def _assay(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run([_program(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if check and ended.returncode:
        raise SystemExit(f"assay {' '.join(arguments)}: {ended.stdout}{ended.stderr}")
    return ended
