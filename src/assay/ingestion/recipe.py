"""The recipe of an index: everything that decides what its entries are, named by a digest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from assay.digest import Digest, canonical, digest
from assay.errors import StoreError
from assay.ingestion.chunking.chunkers import CHUNKER_REVISION


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two indexes with one recipe, over the same sources, are the same index.

    ``embedder`` is the embedder's identity, ``dimensions`` of its vectors and ``window`` what it
    sees in tokens, ``backend`` the index's kind, ``parser`` the revisions of the parsers.
    """

    chunker: str
    max_tokens: int
    overlap: int
    embedder: str
    dimensions: int
    window: int
    backend: str
    parser: str
    chunker_revision: str = CHUNKER_REVISION

    @property
    def digest(self) -> Digest:
        return digest(asdict(self))

    @property
    def id(self) -> str:
        """The index's id: 12 hexadecimal digits."""
        return self.digest[:12]

    def to_json(self) -> str:
        """Canonical JSON."""
        return canonical(asdict(self)).decode()

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Recipe:
        """The recipe that ``to_json`` wrote. Raises StoreError for one of another version of Assay."""
        try:
            return cls(**values)
        except TypeError as error:
            raise StoreError(
                "the state was written by another version of Assay, which names an index's parts otherwise; "
                "move the folder .assay away and ingest again"
            ) from error
