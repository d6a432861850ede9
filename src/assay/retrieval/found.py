"""What a search found, with the rank that each stage gave: enough to say later why a chunk was missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.documents import Chunk

Mode: TypeAlias = Literal["dense", "lexical", "hybrid"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that some stage proposed.

    ``score`` is the last stage's, higher is better; ``ranks`` maps a stage's name
    (``dense``, ``lexical``, ``fused``, ``reranked``, ``linked``) to the rank from 1 that it gave.
    """

    chunk: Chunk
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The ``hits`` that are kept, best first, and every ``candidate`` seen on the way, best first."""

    question: str
    mode: Mode
    hits: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    index: str
    generation: int
    milliseconds: float
