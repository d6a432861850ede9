"""The chunkers by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from assay.documents import Chunk, Document
from assay.ingestion.chunking.counting import Counter
from assay.ingestion.chunking.sentences import by_sentences
from assay.ingestion.chunking.structure import by_structure
from assay.ingestion.chunking.tokens import by_tokens

CHUNKER_REVISION = "1"
"""Changes whenever a chunker may cut the same document otherwise."""


class Chunker(Protocol):
    """Cuts a document into chunks: pure, exact spans in order, none longer than ``max_tokens``.

    ``window`` is how much the embedder sees; a chunker leaves room in it for title and
    headings. ``overlap`` is in tokens.
    """

    def __call__(
        self, document: Document, *, max_tokens: int, overlap: int, counter: Counter, window: int | None = None
    ) -> list[Chunk]: ...


CHUNKERS: Mapping[str, Chunker] = MappingProxyType(
    {"structure": by_structure, "tokens": by_tokens, "sentences": by_sentences}
)
