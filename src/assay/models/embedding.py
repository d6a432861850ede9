"""The port of an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32]
"""Unit vectors as rows: shape (n, d), float32."""

Role: TypeAlias = Literal["passage", "query"]


class Embedder(Protocol):
    """Turns texts into unit vectors.

    The vector of a text depends on the text alone, not on the batch it came in: that
    is what makes an interrupted ingestion end in the same index as an undisturbed one.
    """

    @property
    def identity(self) -> str:
        """Name and revision of weights and recipe; vectors with different identities never mix."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The window: what follows is not seen by the model."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text`` by the model's own tokenizer, without special tokens."""
        ...

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        """One row for each text. Raises ModelError."""
        ...
