"""A real application served while a rollout, started elsewhere, moves its users between two real releases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from assay import traces
from assay.releases import parts
from assay.releases.history.environments import point
from assay.releases.history.snapshots import keep
from assay.releases.inspection import opened_traces
from assay.releases.project import Project
from assay.rollouts.live.deployment import Deployment
from assay.rollouts.live.feedback import listed
from assay.rollouts.live.opening import open_deployment
from assay.rollouts.traffic.events import Aborted, Advanced, Decision, Promoted, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan
from assay.stores.events import EventLog

ASK: Any = [{"role": "user", "content": "When is a refund paid?"}]
NOTHING = Decision(0, 0.0, (), "by hand")
PLAN = Plan(
    stages=(0.5, 0.999),
    guards=(Guard("errors", "errors", "share", allowed=0.2, harm=0.0),),
    alpha=0.05,
    promotion_alpha=0.05,
    sticky="user",
    least_answers=10**6,
    least_seconds=3600.0,
    longest_seconds=3600.0,
    judged=1.0,
    shadow=None,
    gated=False,
)


class Person:
    """Somebody at another terminal."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.deployments: list[Deployment] = []
        self.events = EventLog(parts.database(project))
        self.log = TrafficLog(self.events, "production", point=point)

    def candidate(self) -> str:
        path = self.project.file.path
        text = path.read_text()
        path.write_text(text.replace("[retrieval]", "[retrieval]\nneighbours = 1", 1))
        changed = Project.load(path)
        path.write_text(text)
        assert changed.release.digest != self.project.release.digest
        keep(changed)
        return str(changed.release.digest)

    def start(self, candidate: str) -> None:
        live = self.log.traffic().live or ""
        self.append(Started("r1", candidate, live, PLAN, 0.05, "2026-Q4", "", "me"))

    def candidate_is_open(self) -> bool:
        """In every process: until then live answers everybody."""
        return all(each.rollout is not None and not each.opening for each in self.deployments)

    def append(self, *events: Any) -> None:
        self.log.append(self.log.traffic(), *events)

    def observations(self) -> list[Observation]:
        return [Observation.from_event(each.event) for each in self.events.read(stream("r1"))]


@pytest.fixture
def person(tmp_path: Path, make: SimpleNamespace) -> Person:
    return Person(make.ingested(make.project(tmp_path)))


@pytest.fixture
def servers(person: Person, make: SimpleNamespace) -> Iterator[list[Any]]:
    options = {"user_header": "X-User-Id", "session_header": "X-Session", "api_key": "secret"}
    person.deployments = [_opened(person) for _ in range(2)]
    one, two = (make.running(deployment, **options) for deployment in person.deployments)
    with one as first, two as second:
        yield [first, second]


def _opened(person: Person) -> Deployment:
    return open_deployment(person.project, "production", by="me", tell=lambda _: None)


def client(server: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="secret", max_retries=0)


def release_of(reply: Any) -> str:
    return str((reply.model_extra or {})["assay"]["release"])


@pytest.mark.slow
def test_a_rollout_from_start_to_promotion_loses_nothing(
    person: Person, servers: list[Any], make: SimpleNamespace
) -> None:
    live, candidate = str(person.project.release.digest), person.candidate()
    releases: list[tuple[str, str]] = []
    failures: list[Exception] = []
    over = threading.Event()

    def load(number: int) -> None:
        with client(servers[number % 2]) as api:
            count = 0
            while not over.is_set():
                count += 1
                user = f"user-{number}-{count % 10}"
                try:
                    if count % 2:
                        reply = api.chat.completions.create(model="handbook", messages=ASK, user=user)
                        releases.append((user, release_of(reply)))
                    else:
                        chunks = list(
                            api.chat.completions.create(model="handbook", messages=ASK, user=user, stream=True)
                        )
                        assert chunks[-1].choices[0].finish_reason == "stop"
                        assert len({chunk.id for chunk in chunks}) == 1
                        releases.append((user, release_of(chunks[-1])))
                except Exception as error:
                    failures.append(error)

    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()

    def more(count: int = 24) -> list[tuple[str, str]]:
        at = len(releases)
        make.until(lambda: len(releases) >= at + count or bool(failures), 60)
        return releases[at:]

    try:
        assert {release for _, release in more()} == {live}
        person.start(candidate)
        make.until(person.candidate_is_open, 30)
        more(8)  # those that were under way
        during = more(40)
        assert {release for _, release in during} == {live, candidate}
        arms: dict[str, set[str]] = {}
        for user, release in during:
            arms.setdefault(user, set()).add(release)
        assert all(len(found) == 1 for found in arms.values())  # sticky in both processes
        person.append(Advanced("r1", 1, NOTHING), Promoted("r1", NOTHING))
        more(8)
        assert {release for _, release in more()} == {candidate}
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    for server in servers:
        headers = {"Authorization": "Bearer secret"}
        assert [m["id"] for m in server.get("/v1/models", headers=headers).json()["data"]] == ["handbook", candidate]
        assert server.get("/ready").json() == {"status": "ready", "release": candidate, "problems": []}
        assert server.chat(model=live[:12], headers=headers).status_code == 404
    make.until(lambda: len(person.observations()) >= 40)
    with opened_traces(person.project) as store:
        for seen in person.observations():
            root = store.get(seen.trace).root
            assert root.attributes[traces.RELEASE] == (candidate if seen.arm == "candidate" else live)
            assert root.attributes[traces.ARM] == seen.arm
    assert {seen.values["errors"] for seen in person.observations()} == {0.0}


def test_an_abort_holds_from_the_next_request_on(person: Person, servers: list[Any], make: SimpleNamespace) -> None:
    live, candidate = str(person.project.release.digest), person.candidate()
    person.start(candidate)
    person.append(Advanced("r1", 1, NOTHING))
    make.until(person.candidate_is_open)
    with client(servers[0]) as one, client(servers[1]) as two:
        for api in (one, two):
            reply = api.chat.completions.create(model="handbook", messages=ASK, user="u")
            assert release_of(reply) == candidate
            assert "candidate" not in reply.model_dump_json()  # the arm is nobody's business
            exact = api.chat.completions.create(model=live, messages=ASK, user="u")
            assert release_of(exact) == live
        person.append(Aborted("r1", "", "me"))
        for api in (one, two):
            assert release_of(api.chat.completions.create(model="handbook", messages=ASK, user="u")) == live


def test_who_asks_is_told_by_the_request_or_by_a_header(
    person: Person, servers: list[Any], make: SimpleNamespace
) -> None:
    person.start(person.candidate())
    make.until(person.candidate_is_open)
    key = {"Authorization": "Bearer secret"}

    def ask(headers: dict[str, str], **body: Any) -> None:
        reply = servers[0].chat(headers={**key, **headers}, **body)
        assert reply.status_code == 200, reply.text

    ask({}, user="alice")
    ask({"X-User-Id": "alice"})
    ask({"X-User-Id": "alice"}, user="somebody")  # what the proxy says is trusted, and goes before
    ask({}, safety_identifier="alice")
    ask({}, assay={"session": "alice"})
    ask({"X-Session": "alice"})
    ask({"X-User-Id": "bob"})
    ask({})
    ask({})
    make.until(lambda: len(person.observations()) == 9)
    counts = Counter(seen.unit for seen in person.observations())
    assert sorted(counts.values()) == [1, 1, 1, 2, 4]  # a session is no user of the same name
    twice = [("X-User-Id", "a"), ("X-User-Id", "b"), *key.items()]
    refused = servers[0].chat(headers=dict(key) | {"X-User-Id": "a"}, user="x" * 501)
    assert refused.status_code == 400
    import httpx2

    body = {"model": "handbook", "messages": ASK}
    reply = httpx2.post(f"{servers[0].url}/chat/completions", json=body, headers=httpx2.Headers(twice))
    assert reply.status_code == 400
    assert "came twice" in reply.json()["error"]["message"]


def test_feedback_by_the_completions_id(person: Person, servers: list[Any], make: SimpleNamespace) -> None:
    person.start(person.candidate())
    make.until(person.candidate_is_open)
    with client(servers[0]) as api:
        whole = api.chat.completions.create(model="handbook", messages=ASK, user="u")
        *_, last = api.chat.completions.create(model="handbook", messages=ASK, user="v", stream=True)
    key = {"Authorization": "Bearer secret"}

    def say(server: Any, **body: Any) -> Any:
        return server.post("/v1/feedback", body, headers=key)

    first = say(servers[1], id=whole.id, rating="up", user="u")
    assert first.json() == {
        "id": whole.id,
        "trace": (whole.model_extra or {})["assay"]["trace"],
        "release": release_of(whole),
        "first": True,
    }
    assert say(servers[0], id=whole.id, rating="up", user="u").json()["first"] is False  # once more: the same
    assert say(servers[0], id=whole.id, rating="down", user="u").json()["first"] is False
    assert say(servers[0], id=last.id, rating=0.25, correction="Within five days.", comment="close").status_code == 200
    make.until(lambda: sum("feedback" in seen.values for seen in person.observations()) == 2)
    # A thumb is written at once, what was seen of its answer in a batch behind it.
    make.until(lambda: sum("errors" in seen.values for seen in person.observations()) == 2)
    arms = {seen.trace: seen.arm for seen in person.observations() if "errors" in seen.values}
    thumbs = {seen.trace: seen for seen in person.observations() if "feedback" in seen.values}
    assert {seen.values["feedback"] for seen in thumbs.values()} == {1.0, 0.25}
    assert all(seen.arm == arms[trace] for trace, seen in thumbs.items())
    kept = list(listed(person.events))
    assert [(each.score, each.correction, each.first) for each in kept] == [
        (1.0, None, True),
        (0.0, None, False),
        (0.25, "Within five days.", True),
    ]
    unknown = say(servers[0], id=f"chatcmpl-{'0' * 48}", rating="up")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"rating": "up"}, "id"),
        ({"id": "x"}, "say rating, correction, or both"),
        ({"id": "x", "rating": "sideways"}, "rating"),
        ({"id": "x", "rating": 1.5}, "rating"),
        ({"id": "x", "rating": True}, "rating"),
        ({"id": "x", "rating": "up", "arm": "live"}, "arm"),
    ],
)
def test_wrong_feedback_is_refused(make: SimpleNamespace, body: Any, said: str) -> None:
    with make.running(make.scripted().application()) as server:
        reply = server.post("/v1/feedback", body)
        assert reply.status_code == 400
        assert said in reply.json()["error"]["message"]
        assert server.post("/v1/feedback", {"id": "x", "rating": "up"}).status_code == 404


def test_feedback_needs_the_key(make: SimpleNamespace) -> None:
    with make.running(make.scripted().application(), api_key="secret") as server:
        reply = server.post("/v1/feedback", {"id": "x", "rating": "up"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
