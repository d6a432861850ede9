"""Applications to serve, real and scripted, on a real port: what breaks here breaks on sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import httpx2
import pytest
import uvicorn

from assay.answering.events import Abstained, Answer, AnswerEvent, Failed, Question, Sentence
from assay.documents import Chunk, Citation
from assay.models.chat import Usage
from assay.releases.application import Application
from assay.retrieval.found import Candidate, Found
from assay.serving.app import create_app

if TYPE_CHECKING:
    from assay.answering.answerer import Answerer
    from assay.releases.project import Project
    from assay.releases.release import Release
    from assay.retrieval.retriever import Retriever
    from assay.stores.index import Index

DIGEST = "d" * 64
TEXT = "Uploads are limited to 10 MB. Larger files are refused."


def citation(start: int, end: int) -> Citation:
    return Citation("uploads.md", "c1", start, end, TEXT[start:end], TEXT[start:end])


SENTENCES = (
    Sentence(0, "Uploads are limited to 10 MB.", (citation(0, 29),), supported=True),
    Sentence(1, " Larger files are refused.", (citation(30, 55), citation(0, 29)), supported=True),
)


def answer(*, abstained: Abstained | None = None, sentences: Sequence[Sentence] = SENTENCES) -> Answer:
    return Answer(
        text=abstained.detail if abstained else "".join(s.text for s in sentences),
        citations=() if abstained else tuple(c for s in sentences for c in s.citations),
        abstained=abstained,
        confidence=0.9,
        model="scripted",
        release=DIGEST,
        trace="ab" * 16,
        usage=Usage(input=7, output=5, cached=2, reasoning=1),
        cost=None,
        milliseconds=3.0,
        first_token_milliseconds=1.0,
    )


@dataclass
class Scripted:
    """An answerer and a retriever that do as they are told. A float in the script is a pause in seconds,
    an exception is raised; ``closed`` counts answers that were given up."""

    script: Sequence[AnswerEvent | float | Exception] = (*SENTENCES, answer())
    found: Exception | None = None
    questions: list[Question] = field(default_factory=list)
    traceparents: list[str | None] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    searched: list[Mapping[str, Any]] = field(default_factory=list)
    working: int = 0
    most: int = 0
    closed: int = 0
    shut: bool = False

    async def answer(
        self,
        question: Question,
        *,
        traceparent: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[AnswerEvent, None]:
        self.attributes.append(dict(attributes or {}))
        self.questions.append(question)
        self.traceparents.append(traceparent)
        self.working += 1
        self.most = max(self.most, self.working)
        whole = False
        try:
            for item in self.script:
                if isinstance(item, float):
                    await anyio.sleep(item)
                elif isinstance(item, Exception):
                    whole = True
                    raise item
                else:
                    whole = isinstance(item, Answer | Failed)
                    yield item
        finally:
            self.working -= 1
            self.closed += not whole

    async def search(self, question: str, **asked: Any) -> Found:
        self.searched.append({"question": question, **asked})
        if self.found:
            raise self.found
        chunk = Chunk("c1", "uploads.md", 0, 0, len(TEXT), TEXT, "Uploads")
        hits = (Candidate(chunk, 1.0, {"dense": 1}),)
        return Found(question, "dense", hits, hits, "scripted", 1, 0.1)

    def documents(self) -> int:
        return 1

    def application(self) -> Application:
        async def close() -> None:
            self.shut = True

        return Application(
            name="handbook",
            release=cast("Release", SimpleNamespace(digest=DIGEST)),
            retriever=cast("Retriever", self),
            answerer=cast("Answerer", self),
            index=cast("Index", self),
            index_id="scripted",
            close=close,
        )


@dataclass
class Running:
    """A server at work. ``url`` ends in ``/v1``."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def post(self, path: str, body: object = None, **more: Any) -> httpx2.Response:
        if body is not None:
            more["json"] = body
        return httpx2.post(f"http://{self.host}:{self.port}{path}", timeout=20, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.get(f"http://{self.host}:{self.port}{path}", timeout=20, **more)

    def chat(self, text: str = "How large may uploads be?", model: str = "handbook", **more: Any) -> httpx2.Response:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self.post("/v1/chat/completions", body, headers=headers)


@contextmanager
def running(application: Application, **options: Any) -> Iterator[Running]:
    """Serve in a thread of its own."""
    app = create_app(application, **options)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=5))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield Running("127.0.0.1", listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread or process does; fails when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another thread or process does it
            await asyncio.sleep(0.01)


REFUNDS = """# Refunds

A customer can return a product within 30 days of delivery. The refund is paid to the original card within five
working days.

# Shipping

Shipping to Norway takes four days. Parcels to Spain are handed over in two days.
"""
SALARIES = "# Salaries\n\nThe salary of the director is 90000 crowns in a year.\n"


def project(folder: Path, *, model: str | None = None) -> Project:
    """An application over two documents, one for the board only; answered by the server at ``model`` if given."""
    from assay.releases.file.scaffold import scaffold
    from assay.releases.project import Project

    (folder / "docs").mkdir(parents=True)
    (folder / "board").mkdir()
    (folder / "docs" / "refunds.md").write_text(REFUNDS)
    (folder / "board" / "salaries.md").write_text(SALARIES)
    scaffold(folder / "app", folder / "docs", "handbook")
    path = folder / "app" / "assay.toml"
    text = path.read_text() + '\n[[sources]]\npath = "../board"\naccess = ["board"]\n'
    if model:
        text = text.replace('route = ["local"]', 'route = ["main"]')
        text += f'\n[models.main]\nuses = "openai-compatible"\nmodel = "scripted"\nbase_url = "{model}"\n'
    path.write_text(text)
    return Project.load(path)


def ingested(made: Project) -> Project:
    from assay.releases.ingesting import open_ingestion

    with open_ingestion(made) as ingestion:
        anyio.run(ingestion.run)
    return made


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A real application, ingested."""
    return ingested(project(tmp_path_factory.mktemp("real")))


@pytest.fixture(scope="session")
def real_server(real: Project) -> Iterator[Running]:
    from assay.releases.build import open_application

    with running(open_application(real), groups_header="X-Groups") as server:
        yield server


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The helpers of this file; test modules cannot import a conftest."""
    return SimpleNamespace(
        scripted=Scripted,
        running=running,
        until=until,
        eventually=eventually,
        project=project,
        ingested=ingested,
        answer=answer,
        sentences=SENTENCES,
        digest=DIGEST,
    )
