"""Vectors of single tokens, as late interaction needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assay.models.embedding import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class TokenVectors:
    """A text's tokens inside the model's window, special tokens left out.

    ``offsets`` are character spans in ``text``; ``vectors`` has one unit row for each token;
    ``pooled`` is the whole text's unit vector, shape (d,), the same that ``embed`` gives.
    """

    text: str
    tokens: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    vectors: Matrix
    pooled: NDArray[np.float32]


class TokenEmbedder(Protocol):
    """An embedder that can also tell its token vectors."""

    @property
    def identity(self) -> str: ...

    async def token_vectors(self, texts: Sequence[str]) -> list[TokenVectors]: ...
