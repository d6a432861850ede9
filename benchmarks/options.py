"""What a run of the benchmarks is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""Where processes start, so that they find this package."""


@dataclass(frozen=True, slots=True)
class Options:
    """``data`` holds a folder for each set, ``work`` what was ingested and generated, kept between runs.

    ``limit`` is how many questions of each set are asked, ``rerank_limit`` how many of them with the
    reranker; None asks all. ``passages`` shortens the corpus of the speed tests, ``large`` is the
    size of the generated one; 0 leaves that part out. Peers are left out where ``peers_python`` is None.
    """

    data: Path
    work: Path
    limit: int | None = None
    rerank_limit: int | None = None
    passages: int | None = None
    large: int = 100_000
    large_queries: int = 50
    rounds: int = 3
    large_rounds: int = 2
    repeat: int = 3
    peers_python: Path | None = None
    peers: tuple[str, ...] = ("llamaindex", "haystack", "langchain")
