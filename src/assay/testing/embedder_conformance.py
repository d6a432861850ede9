"""What every Embedder must do. A test class inherits this, says how to make one, and is marked for anyio."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from assay.models.embedding import Embedder

TEXTS = (
    "The cat sat on the mat.",
    "A refund is paid within fourteen days.",
    "退款将在十四天内支付。",
    "x",
    "",
    " \n\t ",
    "emoji 👍🏽 and a broken \ud800 half",
    "word " * 2000,
    "The cat sat on the mat.",
)


class EmbedderConformance(ABC):
    @abstractmethod
    def embedder(self) -> Embedder:
        """An embedder; called once for each test."""

    async def test_one_unit_row_for_each_text(self) -> None:
        embedder = self.embedder()
        rows = await embedder.embed(TEXTS, "passage")
        assert rows.shape == (len(TEXTS), embedder.dimensions)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    async def test_no_text_no_row(self) -> None:
        embedder = self.embedder()
        rows = await embedder.embed([], "passage")
        assert rows.shape == (0, embedder.dimensions)
        assert rows.dtype == np.float32

    async def test_a_vector_depends_on_its_text_alone(self) -> None:
        embedder = self.embedder()
        together = await embedder.embed(TEXTS, "passage")
        backwards = await embedder.embed(TEXTS[::-1], "passage")
        alone = [await embedder.embed([text], "passage") for text in TEXTS]
        np.testing.assert_array_equal(together, backwards[::-1])
        np.testing.assert_array_equal(together, np.vstack(alone))

    async def test_another_object_gives_the_same_vectors(self) -> None:
        first, second = self.embedder(), self.embedder()
        assert first.identity == second.identity
        np.testing.assert_array_equal(await first.embed(TEXTS[:3], "query"), await second.embed(TEXTS[:3], "query"))

    async def test_other_texts_have_other_vectors(self) -> None:
        rows = await self.embedder().embed(TEXTS[:4], "passage")
        cosines = rows @ rows.T
        assert cosines[~np.eye(4, dtype=bool)].max() < 0.999

    async def test_it_says_what_it_is(self) -> None:
        embedder = self.embedder()
        assert embedder.identity
        assert embedder.dimensions > 0
        assert embedder.max_tokens > 0

    async def test_it_counts_beyond_its_window(self) -> None:
        embedder = self.embedder()
        assert embedder.count("") == 0
        once, often = embedder.count("word "), embedder.count("word " * (2 * embedder.max_tokens))
        assert 0 < once <= embedder.max_tokens < often
