"""Chunks, contexts and readings over a few words, without a model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assay.answering.context import Context, assemble
from assay.answering.reading import Reader, Reading
from assay.documents import PUBLIC, Chunk, Scalar
from assay.language.terms import stem
from assay.models.token_vectors import TokenVectors
from assay.retrieval.found import Candidate, Found
from assay.stores.index import Scope
from assay.traces import Trace
from assay.tracing.recorder import Recorder
from assay.tracing.store_exporter import converted

_WORD = re.compile(r"\w+")


class HashTokens:
    """Token vectors from hashed stems: texts with the same words are near each other."""

    identity = "hash-tokens"

    async def token_vectors(self, texts: Sequence[str]) -> list[TokenVectors]:
        return [self._vectors(text) for text in texts]

    def _vectors(self, text: str) -> TokenVectors:
        found = list(_WORD.finditer(text))
        rows = np.array([self._row(match[0]) for match in found] or np.zeros((0, 64)), np.float32).reshape(-1, 64)
        pooled = rows.sum(axis=0) if len(rows) else np.eye(64, dtype=np.float32)[0]
        spans = tuple(match.span() for match in found)
        return TokenVectors(
            text, tuple(match[0] for match in found), spans, rows, (pooled / np.linalg.norm(pooled)).astype(np.float32)
        )

    @staticmethod
    def _row(word: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        seed = int.from_bytes(hashlib.sha256(stem(word).encode("utf-8", "replace")).digest()[:4], "big")
        row = np.random.default_rng(seed).standard_normal(64).astype(np.float32)
        return row / np.float32(np.linalg.norm(row))


def chunk(
    text: str,
    *,
    document: str = "doc",
    start: int = 0,
    ordinal: int = 0,
    title: str = "",
    access: tuple[str, ...] = (PUBLIC,),
    headings: tuple[str, ...] = (),
) -> Chunk:
    return Chunk(
        f"{document}:{start}-{start + len(text)}",
        document,
        ordinal,
        start,
        start + len(text),
        text,
        title,
        headings,
        access=access,
    )


def hits(*chunks: Chunk) -> list[Candidate]:
    """Candidates whose scores fall from 1."""
    return [Candidate(c, 1.0 / (i + 1), {"dense": i + 1}) for i, c in enumerate(chunks)]


def words(text: str) -> int:
    return len(text.split())


def frequencies(terms: Sequence[str], scope: Scope) -> tuple[int, Mapping[str, int]]:
    return 100, dict.fromkeys(terms, 3)


async def reading(question: str, *chunks: Chunk, budget: int = 10_000) -> Reading:
    context = assemble(hits(*chunks), budget=budget, count=words)
    return await Reader(HashTokens(), frequencies=frequencies).read(question, context)


class Shelf:
    """A retriever over chunks by shared words; ``asked`` are all questions so far."""

    def __init__(self, *chunks: Chunk) -> None:
        self.chunks, self.asked = chunks, list[str]()

    async def search(self, question: str, *, k: int, groups: frozenset[str], where: Mapping[str, Scalar]) -> Found:
        self.asked.append(question)
        wanted = {stem(word) for word in _WORD.findall(question)}
        scored = [
            (len(wanted & {stem(word) for word in _WORD.findall(c.text + " " + c.title)}), c)
            for c in self.chunks
            if groups & set(c.access)
        ]
        ranked = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
        found = tuple(Candidate(c, float(score), {"dense": i}) for i, (score, c) in enumerate(ranked, 1))
        return Found(question, "dense", found[:k], found, "shelf", 1, 0.1)


class Recording:
    """A recorder that keeps what it recorded."""

    def __init__(self, *, content: bool = True) -> None:
        self._exporter = InMemorySpanExporter()
        self.recorder = Recorder([SimpleSpanProcessor(self._exporter)], content=content)

    def trace(self) -> Trace:
        """The one trace that was recorded."""
        spans = [converted(span) for span in self._exporter.get_finished_spans()]
        assert len({trace for trace, _ in spans}) == 1
        ordered = sorted((span for _, span in spans), key=lambda span: (span.parent is not None, span.start))
        return Trace(spans[0][0], tuple(ordered))


@pytest.fixture
def recording() -> Iterator[Recording]:
    made = Recording()
    yield made
    made.recorder.close()


@pytest.fixture
def make() -> SimpleNamespace:
    """The helpers of this file; test modules cannot import a conftest."""
    return SimpleNamespace(
        chunk=chunk,
        hits=hits,
        words=words,
        reading=reading,
        frequencies=frequencies,
        tokens=HashTokens,
        shelf=Shelf,
        recording=Recording,
    )


@pytest.fixture
def context(make: SimpleNamespace) -> Callable[..., Context]:
    def assembled(*chunks: Chunk, budget: int = 10_000) -> Context:
        return assemble(hits(*chunks), budget=budget, count=words)

    return assembled
