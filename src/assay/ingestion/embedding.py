"""What is embedded of a chunk, and the vectors of many chunks with none computed twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anyio import to_thread

from assay.digest import Digest, digest_text
from assay.documents import Chunk
from assay.models.embedding import Embedder
from assay.stores.index import Vector

BATCH = 32
"""Texts whose vectors are committed together: what a kill can cost at most."""


class Vectors(Protocol):
    """Vectors by embedder and text: what ``stores.embeddings.EmbeddingStore`` does."""

    def get(self, identity: str, digests: Iterable[Digest], /) -> Mapping[Digest, Vector]: ...

    def put(self, identity: str, vectors: Mapping[Digest, Vector], /) -> None: ...

    def prune(self, identity: str, keep: frozenset[Digest], /) -> int: ...


def embedded_text(chunk: Chunk) -> str:
    """Title and heading path above the chunk's text; not those with which the text itself begins."""
    first, path = chunk.text.partition("\n")[0].strip("#= \t\r*"), chunk.context
    if first and path == first:
        return chunk.text
    path = path.removesuffix(f" › {first}") if first else path
    return f"{path}\n{chunk.text}" if path else chunk.text


def text_digest(chunk: Chunk) -> Digest:
    """The name of a chunk's vector."""
    return digest_text(embedded_text(chunk))


@dataclass(slots=True)
class Embedding:
    """Vectors from the store where it has them, from the embedder where not.

    ``computed`` texts took ``seconds`` so far.
    """

    embedder: Embedder
    store: Vectors
    computed: int = 0
    seconds: float = 0.0

    async def vectors(
        self, texts: Mapping[Digest, str], step: Callable[[], None] | None = None
    ) -> dict[Digest, Vector]:
        """The vector of each text. Each batch is stored before the next is begun.

        Texts of like length go together, so that padding costs little. Raises ModelError, StoreError.
        """
        identity = self.embedder.identity
        found = dict(await to_thread.run_sync(self.store.get, identity, list(texts)))
        missing = sorted((key for key in texts if key not in found), key=lambda key: (len(texts[key]), key))
        for at in range(0, len(missing), BATCH):
            batch = missing[at : at + BATCH]
            fresh = await self._computed(batch, [texts[key] for key in batch])
            await to_thread.run_sync(self.store.put, identity, fresh)
            found |= fresh
            if step is not None:
                step()
        return found

    async def _computed(self, keys: Sequence[Digest], texts: Sequence[str]) -> dict[Digest, Vector]:
        began = time.perf_counter()
        rows = await self.embedder.embed(texts, "passage")
        self.seconds += time.perf_counter() - began
        self.computed += len(texts)
        return dict(zip(keys, rows, strict=True))
