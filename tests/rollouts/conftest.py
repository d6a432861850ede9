"""Plans and events that several tests of this room need."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from assay import traces
from assay.answering.events import Answer, AnswerEvent, Failed, Question, Sentence
from assay.errors import AssayError
from assay.models.chat import Usage
from assay.releases.application import Application
from assay.retrieval.found import Found
from assay.rollouts.evidence.following import Follower
from assay.rollouts.live.applications import Applications
from assay.rollouts.live.deployment import Deployment
from assay.rollouts.live.feedback import FeedbackBook
from assay.rollouts.traffic.events import Advanced, Decision, Deployed, Event, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan, Shadow
from assay.rollouts.traffic.state import Traffic
from assay.stores.database import Database
from assay.stores.events import EventLog
from assay.stores.traces import TraceStore
from assay.tracing.opening import open_recorder
from assay.tracing.recorder import Recorder


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


RELEASES = {name: name * 64 for name in "abcd"}
"""Digests of scripted releases by name; the first is live."""


@dataclass
class ScriptedRelease:
    """A release that answers as it is told, with a trace as every answer has. ``does`` gets the question and may
    raise, return an error to fail with, a text, or an Answer's fields to change; ``gate`` holds answers until it
    is set; ``broken`` stands in the way of opening it."""

    digest: str
    does: Callable[[Question], Any] = lambda _: "It is so."
    broken: Exception | None = None
    notice: str | None = None
    gate: anyio.Event | None = None
    asked: list[Question] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    working: int = 0
    closed_while_working: bool = False

    def application(self, recorder: Recorder) -> Application:
        if self.broken is not None:
            raise self.broken
        self.opened += 1

        async def close() -> None:
            self.closed_while_working = self.closed_while_working or self.working > 0
            self.closed += 1

        async def search(question: str, **_: Any) -> Found:
            return Found(question, "dense", (), (), self.digest, 1, 0.1)

        release = SimpleNamespace(digest=self.digest, short=self.digest[:12])
        return Application(
            name="app",
            release=cast("Any", release),
            retriever=cast("Any", SimpleNamespace(documents=lambda: 1, search=search)),
            answerer=cast("Any", SimpleNamespace(answer=partial(self.answer, recorder))),
            index=cast("Any", None),
            index_id="i",
            close=close,
            notice=self.notice,
        )

    async def answer(
        self,
        recorder: Recorder,
        question: Question,
        *,
        traceparent: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[AnswerEvent, None]:
        self.asked.append(question)
        self.working += 1
        try:
            shadow = {traces.SHADOW: True} if question.shadow else {}
            own = {**(attributes or {}), traces.RELEASE: self.digest, traces.QUESTION: question.text, **shadow}
            with recorder.trace("answer", own, traceparent=traceparent) as span:
                await anyio.lowlevel.checkpoint()  # as every real answer does: others get their turn
                said = self.does(question)
                if isinstance(said, AssayError):
                    span.fail(said)
                    yield Failed(said, span.trace, span.id)
                    return
                changes: dict[str, Any] = {"text": said} if isinstance(said, str) else dict(said)
                late = changes.pop("then", None)
                yield Sentence(0, changes.get("text", "It is so."), (), supported=True, trace=span.trace, span=span.id)
                if self.gate is not None:
                    await self.gate.wait()
                if late is not None:
                    yield Failed(late, span.trace, span.id)
                    return
                span.set(traces.CONFIDENCE, 0.9)
                plain = Answer("It is so.", (), None, 0.9, "m", self.digest, span.trace, Usage(), 0.01, 20.0, 10.0)
                yield replace(plain, span=span.id, **changes)
        finally:
            self.working -= 1


class Process:
    """What one server process holds: its own connection, its own opened applications, its own Deployment."""

    def __init__(
        self, path: Path, releases: Mapping[str, ScriptedRelease], environment: str = "production", **options: Any
    ) -> None:
        self.database = Database.at(path)
        self.events = EventLog(self.database)
        self.log = TrafficLog(self.events, environment)
        self.traces = TraceStore(self.database)
        self.recorder = open_recorder(store=self.traces)
        self.releases, self.told = releases, list[str]()
        traffic = self.log.traffic()
        live = releases[traffic.live or ""].application(self.recorder)
        self.applications = Applications(lambda digest: releases[digest].application(self.recorder))
        self.deployment = Deployment(
            "app",
            self.log,
            self.events,
            traffic,
            self.applications,
            live,
            feedback=FeedbackBook(self.events, self.traces),
            open_scorers=options.pop("open_scorers", lambda _: ()),
            follow=options.pop("follow", Follower),
            tell=self.told.append,
            close=self.recorder.close,
            every=0.05,
        )

    async def ready(self) -> None:
        """Wait until all that may answer is open."""
        await self.deployment.refreshed()
        while self.deployment.opening:  # noqa: ASYNC110 - a thread does it
            await anyio.sleep(0.005)

    async def ask(self, text: str = "How is it?", *, at_once: bool = False, **more: Any) -> list[AnswerEvent]:
        """Ask, once all that may answer is open; or ``at_once``."""
        if not at_once:
            await self.ready()
        return [event async for event in self.deployment.answer(Question(text), **more)]

    async def answered(self, text: str = "How is it?", **more: Any) -> Answer:
        last = (await self.ask(text, **more))[-1]
        assert isinstance(last, Answer), last
        return last


@dataclass
class World:
    """One store, scripted releases (live is ``a``), and what a person at another terminal does."""

    path: Path
    releases: dict[str, ScriptedRelease]
    log: TrafficLog
    events: EventLog

    def process(self, **options: Any) -> Process:
        """A process; releases are opened anew in it, and counted together."""
        return Process(self.path, self.releases, **options)

    def append(self, *events: Event) -> Traffic:
        return self.log.append(self.log.traffic(), *events)

    def start(self, candidate: str = "b", id: str = "r1", *, stage: int = 0, **plan: Any) -> Traffic:
        """Start a rollout and take it to a stage; -1 is shadow."""
        made = replace(plan_with(gated=False, shadow=stage < 0), **plan)
        live = self.log.traffic().live or ""
        traffic = self.append(Started(id, RELEASES[candidate], live, made, 0.05, "2026-Q4", "", "me"))
        for number in range(1, stage + 1):
            traffic = self.append(Advanced(id, number, NOTHING))
        return traffic

    def observations(self, id: str = "r1") -> list[Observation]:
        return [Observation.from_event(each.event) for each in self.events.read(stream(id))]


NOTHING = Decision(0, 0.0, (), "by hand")


@pytest.fixture
def world(tmp_path: Path) -> World:
    path = tmp_path / "world.db"
    events = EventLog(Database.at(path))
    log = TrafficLog(events, "production")
    made = World(path, {digest: ScriptedRelease(digest) for digest in RELEASES.values()}, log, events)
    made.append(Deployed(RELEASES["a"], "the first", "me"))
    return made


@pytest.fixture
def digests() -> Mapping[str, str]:
    return RELEASES


@pytest.fixture
def nothing() -> Decision:
    return NOTHING


async def _eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - a thread or another task does it
            await anyio.sleep(0.01)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    return _eventually
