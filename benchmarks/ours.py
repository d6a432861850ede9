"""Assay put through what the peers are put through: ingest, ingest again unchanged, then hybrid queries.

Takes the arguments of the peers' scripts and prints the same JSON object, with a few figures more.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np

import assay
from assay.ingestion.embedding import embedded_text
from assay.ingestion.report import IngestReport
from assay.models.embedding import Matrix, Role
from assay.models.minilm import DIMENSIONS, MiniLM
from assay.releases.application import Application
from assay.releases.build import open_application
from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project
from assay.retrieval.retriever import Retriever, SearchRecipe
from assay.stores.index import Dense, Index
from benchmarks.project import project, read_jsonl

THREADS = 2
"""As the peers' embedder has."""
EXACT_QUERIES = 50
_TIE = 1e-6


class Timed:
    """The embedder with a clock: ``seconds`` is the time spent in here so far."""

    def __init__(self, model: MiniLM) -> None:
        self.seconds = 0.0
        self._model = model
        self.identity, self.dimensions, self.max_tokens = model.identity, model.dimensions, model.max_tokens

    def count(self, text: str) -> int:
        """Tokens of a text; cutting, so not on the clock."""
        return self._model.count(text)

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        """One unit row for each text."""
        began = time.perf_counter()
        try:
            return await self._rows(texts, role)
        finally:
            self.seconds += time.perf_counter() - began

    async def _rows(self, texts: Sequence[str], role: Role) -> Matrix:
        return await self._model.embed(texts, role)


class Precomputed(Timed):
    """Stored vectors for known passages, the model for queries: for corpora too large to embed each time.

    Rows are read from the file as they are asked for, so that the matrix does not count as memory.
    """

    def __init__(self, model: MiniLM, path: Path, contents: Sequence[str]) -> None:
        super().__init__(model)
        matrix = np.load(path, mmap_mode="r")
        if matrix.shape != (len(contents), DIMENSIONS) or matrix.dtype != np.float32:
            raise SystemExit(f"{path} is {matrix.dtype} {matrix.shape}, expected float32 {len(contents), DIMENSIONS}")
        self._offset = int(matrix.offset)
        self._file = path.open("rb")
        self._row: dict[int, int] = {}
        for row, content in enumerate(contents):
            self._row.setdefault(hash(content.strip()), row)

    async def _rows(self, texts: Sequence[str], role: Role) -> Matrix:
        if role == "query":
            return await super()._rows(texts, role)
        return np.stack([self._stored(text) for text in texts])

    def _stored(self, text: str) -> Matrix:
        row = self._row.get(hash(text.strip()))
        if row is None:
            raise SystemExit(f"no precomputed vector for the chunk {text[:80]!r}")
        width = DIMENSIONS * np.dtype(np.float32).itemsize
        self._file.seek(self._offset + row * width)
        return np.frombuffer(self._file.read(width), np.float32)


@dataclass(frozen=True, slots=True)
class Ingested:
    """A report with the seconds of everything from opening to closing, of which some in the embedder."""

    report: IngestReport
    seconds: float
    embedding: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Queried:
    """Hits by question, and milliseconds of every run with and without the embedder."""

    hits: dict[str, list[str]]
    total: list[float]
    without: list[float]


def main() -> None:
    """Run the protocol and print the object."""
    import_seconds = time.perf_counter() - STARTED
    args = _arguments()
    model = MiniLM(THREADS)
    embedder = Precomputed(model, args.vectors, _contents(args.corpus)) if args.vectors else Timed(model)
    questions: dict[str, str] = {query["id"]: query["text"] for query in read_jsonl(args.queries)}
    anyio.run(model.embed, ["warm up"], "query")
    baseline = _peak_rss_mb()
    with tempfile.TemporaryDirectory(prefix="assay-", dir=args.work) as folder:
        settings = _settings(args)
        opened = project(args.corpus, Path(folder), settings=settings)
        first = _ingest(opened, embedder)
        peak_after_ingest = _peak_rss_mb()
        again = None if args.no_reingest else _ingest(opened, embedder)
        if again is not None and (again.report.chunks != first.report.chunks or again.report.embedded):
            raise SystemExit("an unchanged corpus was ingested again as if it had changed")
        queried, extra, peak = anyio.run(_asked, opened, embedder, questions, args)
        alone = anyio.run(_alone, opened, model) if args.alone else {}
    report = {
        "peer": "assay",
        "version": assay.__version__,
        "store": opened.manifest.index.store,
        "candidates": opened.manifest.retrieval.candidates,
        "passages": first.report.documents,
        "chunks": first.report.chunks,
        "import_seconds": round(import_seconds, 3),
        "ingest_seconds": round(first.seconds, 3),
        "embedder_seconds": round(first.embedding, 3),
        "outside_seconds": round(first.seconds - first.embedding, 3),
        "ingest_cpu_seconds": round(first.cpu, 3),
        "reingest_seconds": None if again is None else round(again.seconds, 4),
        "reingest_embedder_seconds": None if again is None else round(again.embedding, 4),
        "query_ms": _percentiles(queried.total),
        "query_ms_without_embedding": _percentiles(queried.without),
        "hits": queried.hits,
        "baseline_rss_mb": baseline,
        "ingest_peak_rss_mb": peak_after_ingest,
        "peak_rss_mb": peak,
    }
    print(json.dumps(report | extra | alone))


def _settings(args: argparse.Namespace) -> str:
    """What differs from the product's own recipe, as lines of the application's file."""
    lines = ["[retrieval]"]
    if args.candidates:
        lines.append(f"candidates = {args.candidates}")
    if args.no_links:
        lines.append("linked = false")
    return "\n".join(lines)


def _ingest(opened: Project, embedder: Timed) -> Ingested:
    """Ingest as ``assay ingest`` does; it ends when both sides of the index can be searched."""
    before, began, cpu = embedder.seconds, time.perf_counter(), time.process_time()
    with open_ingestion(opened) as ingestion:
        pipeline = replace(ingestion.pipeline, embedder=embedder)
        report = anyio.run(replace(ingestion, pipeline=pipeline).run, None)
    if report.failed:
        raise SystemExit(f"{report.failed[0].uri}: {report.failed[0].error}")
    seconds = time.perf_counter() - began
    return Ingested(report, seconds, embedder.seconds - before, time.process_time() - cpu)


async def _asked(
    opened: Project, embedder: Timed, questions: dict[str, str], args: argparse.Namespace
) -> tuple[Queried, dict[str, Any], float]:
    """Every question ``repeat`` times; then, with memory already noted, how exact the dense side is."""
    application = open_application(opened)
    chosen = opened.manifest.retrieval
    recipe = SearchRecipe(
        mode=chosen.mode, candidates=chosen.candidates, dense_weight=chosen.dense_weight, linked=chosen.linked
    )
    retriever = Retriever(application.index, embedder, name=application.index_id, recipe=recipe)
    try:
        queried = await _queried(replace(application, retriever=retriever), embedder, questions, args.k, args.repeat)
        peak = _peak_rss_mb()
        recall = await _dense_recall(application.index, embedder, list(questions.values())[:EXACT_QUERIES], args.k)
    finally:
        await application.close()
    return queried, {"dense_recall": recall}, peak


async def _queried(
    application: Application, embedder: Timed, questions: dict[str, str], k: int, repeat: int
) -> Queried:
    queried = Queried({}, [], [])
    await application.search("warm up", k=k)
    for _ in range(repeat):
        for key, text in questions.items():
            before, began = embedder.seconds, time.perf_counter()
            found = await application.search(text, k=k)
            elapsed = time.perf_counter() - began
            queried.total.append(1000 * elapsed)
            queried.without.append(1000 * (elapsed - (embedder.seconds - before)))
            best = list(dict.fromkeys(hit.chunk.document for hit in found.hits))[:k]
            if queried.hits.setdefault(key, best) != best:
                raise SystemExit(f"query {key} gave different hits when repeated")
    return queried


async def _dense_recall(index: Index, embedder: Timed, questions: Sequence[str], k: int) -> float:
    """Share of the k nearest, found by comparing with every vector, that the index finds; ties count as found."""
    ids = sorted(index.inventory().chunks)
    matrix = np.concatenate([index.vectors(ids[at : at + 5000]) for at in range(0, len(ids), 5000)])
    row_of = {id: row for row, id in enumerate(ids)}
    shares = []
    for vector in await embedder.embed(questions, "query"):
        scores = matrix @ vector
        kth = np.sort(scores)[-min(k, len(scores))]
        hits = index.search(Dense(vector, k))
        shares.append(sum(scores[row_of[hit.chunk.id]] >= kth - _TIE for hit in hits) / min(k, len(scores)))
    return round(float(np.mean(shares)), 4)


async def _alone(opened: Project, model: MiniLM) -> dict[str, float]:
    """The embedder on the same texts with nothing beside it: what is more than this is ours."""
    application = open_application(opened)
    ids = sorted(application.index.inventory().chunks)
    texts = sorted((embedded_text(chunk) for chunk in application.index.read(ids, None)), key=len)
    await application.close()
    began, cpu = time.perf_counter(), time.process_time()
    await model.embed(texts, "passage")
    return {
        "embedder_alone_seconds": round(time.perf_counter() - began, 3),
        "embedder_alone_cpu_seconds": round(time.process_time() - cpu, 3),
    }


def _contents(corpus: Path) -> list[str]:
    return [f"{p['title']}\n{p['text']}" if p.get("title") else p["text"] for p in read_jsonl(corpus)]


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 95)}


def _peak_rss_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Put Assay through the benchmark; prints one JSON object.")
    parser.add_argument("--corpus", type=Path, required=True, help="JSONL of {id, title, text}")
    parser.add_argument("--queries", type=Path, required=True, help="JSONL of {id, text}")
    parser.add_argument("--vectors", type=Path, help="float32 .npy, a row per passage: embed only the queries")
    parser.add_argument("--k", type=int, default=10, help="passages wanted per query")
    parser.add_argument("--candidates", type=int, help="chunks per retriever before fusion [default: the product's]")
    parser.add_argument("--no-links", action="store_true", help="do not follow names from one passage to another")
    parser.add_argument("--repeat", type=int, default=1, help="timed runs of every query")
    parser.add_argument("--no-reingest", action="store_true", help="leave the second ingestion out")
    parser.add_argument("--alone", action="store_true", help="time the embedder by itself on the same texts too")
    parser.add_argument("--work", type=Path, help="where the state is kept meanwhile [default: the system's]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
