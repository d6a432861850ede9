"""What every peer is put through: ingest, ingest again unchanged, then hybrid queries; one JSON object comes out."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Peers that report usage to their makers must not do so from a benchmark, nor pay for trying.
os.environ.update(HAYSTACK_TELEMETRY_ENABLED="False", LANGSMITH_TRACING="false", ANONYMIZED_TELEMETRY="False")

import numpy as np
from embedder import MiniLM, Precomputed


@dataclass(frozen=True, slots=True)
class Passage:
    """One line of the corpus."""

    id: str
    title: str
    text: str

    @property
    def content(self) -> str:
        """The title and the text, as every peer indexes them."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Setup:
    """What a peer is built from."""

    embedder: MiniLM
    candidates: int
    """Chunks that each of the two retrievers hands to the fusion."""
    split: bool
    """Whether to cut passages into chunks; false when each has its precomputed vector."""
    store: str
    """The dense store, one of the names the peer offers."""


class Peer(Protocol):
    """A framework set up as a local hybrid retriever."""

    def ingest(self, passages: Iterable[Passage]) -> int:
        """Bring the stores up to date with the passages; return how many chunks they hold."""
        ...

    def search(self, query: str) -> list[str]:
        """Return the passage ids of the fused chunks, best first, repetitions included."""
        ...


def main(
    name: str,
    version: str,
    build: Callable[[Setup], Peer],
    *,
    stores: tuple[str, ...],
    started: float,
) -> None:
    """Run the protocol on one peer, as its command line asks.

    `stores` are the dense stores it offers, the default first; `started` is when its script began to import.
    """
    import_seconds = time.perf_counter() - started
    args = _arguments(name, stores)
    passages = [Passage(p["id"], p.get("title") or "", p["text"]) for p in _jsonl(args.corpus)]
    queries: dict[str, str] = {q["id"]: q["text"] for q in _jsonl(args.queries)}
    embedder = Precomputed(args.vectors, [p.content for p in passages]) if args.vectors else MiniLM()
    embedder.query("warm up")
    candidates = args.candidates or args.k
    baseline = _peak_rss_mb()
    peer = build(Setup(embedder, candidates, split=args.vectors is None, store=args.store))

    chunks, ingest, embedding = _ingest(peer, passages, embedder)
    peak_after_ingest = _peak_rss_mb()
    again = None if args.no_reingest else _ingest(peer, passages, embedder)
    if again is not None and again[0] != chunks:
        raise RuntimeError(f"an unchanged corpus went from {chunks} to {again[0]} chunks")
    hits, total, without = _query(peer, queries, embedder, args.k, args.repeat)
    report = {
        "peer": name,
        "version": version,
        "store": args.store,
        "candidates": candidates,
        "passages": len(passages),
        "chunks": chunks,
        "import_seconds": round(import_seconds, 3),
        "ingest_seconds": round(ingest, 3),
        "embedder_seconds": round(embedding, 3),
        "outside_seconds": round(ingest - embedding, 3),
        "reingest_seconds": None if again is None else round(again[1], 3),
        "reingest_embedder_seconds": None if again is None else round(again[2], 3),
        "query_ms": _percentiles(total),
        "query_ms_without_embedding": _percentiles(without),
        "hits": hits,
        "baseline_rss_mb": baseline,
        "ingest_peak_rss_mb": peak_after_ingest,
        "peak_rss_mb": _peak_rss_mb(),
    }
    print(json.dumps(report))


def _ingest(peer: Peer, passages: list[Passage], embedder: MiniLM) -> tuple[int, float, float]:
    """Ingest once; return the number of chunks, the seconds it took, and those inside the embedder."""
    before, start = embedder.seconds, time.perf_counter()
    chunks = peer.ingest(passages)
    return chunks, time.perf_counter() - start, embedder.seconds - before


def _query(
    peer: Peer, queries: dict[str, str], embedder: MiniLM, k: int, repeat: int
) -> tuple[dict[str, list[str]], list[float], list[float]]:
    """Run every query `repeat` times; return the hits, and each run's milliseconds with and without the embedder."""
    hits: dict[str, list[str]] = {}
    total: list[float] = []
    without: list[float] = []
    peer.search("warm up")
    for _ in range(repeat):
        for key, text in queries.items():
            before, start = embedder.seconds, time.perf_counter()
            found = peer.search(text)
            elapsed = time.perf_counter() - start
            total.append(1000 * elapsed)
            without.append(1000 * (elapsed - (embedder.seconds - before)))
            best = list(dict.fromkeys(found))[:k]
            if hits.setdefault(key, best) != best:
                raise RuntimeError(f"query {key} gave different hits when repeated")
    return hits, total, without


def _percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 95)}


def _peak_rss_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _jsonl(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _arguments(name: str, stores: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Put {name} through the benchmark; prints one JSON object.")
    parser.add_argument("--corpus", type=Path, required=True, help="JSONL of {id, title, text}")
    parser.add_argument("--queries", type=Path, required=True, help="JSONL of {id, text}")
    parser.add_argument("--vectors", type=Path, help="float32 .npy, a row per passage: embed only the queries")
    parser.add_argument("--k", type=int, default=10, help="passages wanted per query")
    parser.add_argument("--candidates", type=int, help="chunks per retriever before fusion (default: k)")
    parser.add_argument("--repeat", type=int, default=1, help="timed runs of every query")
    parser.add_argument("--store", choices=stores, default=stores[0], help="dense store")
    parser.add_argument("--no-reingest", action="store_true", help="leave the second ingestion out")
    args = parser.parse_args()
    if min(args.k, args.repeat) < 1 or (args.candidates is not None and args.candidates < 1):
        parser.error("--k, --candidates and --repeat must be at least 1")
    return args
