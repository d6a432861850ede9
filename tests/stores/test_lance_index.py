from __future__ import annotations

from pathlib import Path

import pytest

from assay.stores.index import Index
from assay.testing.index_conformance import IndexConformance

pytest.importorskip("lancedb")


class TestLanceIndex(IndexConformance):
    def open(self, place: Path, dimensions: int) -> Index:
        from assay.stores.lance_index import LanceIndex

        return LanceIndex(str(place), "chunks", dimensions)
