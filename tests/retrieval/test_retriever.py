from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from assay.documents import Chunk
from assay.models.embedding import Matrix
from assay.retrieval.found import Candidate
from assay.retrieval.neighbours import WithNeighbours
from assay.retrieval.retriever import Retriever, SearchRecipe, spread
from assay.stores.embedded_index import EmbeddedIndex
from assay.stores.index import Change, Entry
from assay.testing.embedder import HashEmbedder

pytestmark = pytest.mark.anyio

TEXTS = {
    "film": ("Blood Street", "Blood Street is a 1988 film directed by Leo Fong.", "public"),
    "person": ("Leo Fong", "He was born in Canton and grew up in Arkansas.", "public"),
    "other": ("Canton", "A city in the south of China.", "public"),
    "secret": ("Salaries", "The director of Blood Street earned nine thousand.", "hr"),
    "noise": ("Gardening", "Tomatoes want sun and water.", "public"),
    **{f"filler{n}": (f"Entry {n}", f"Number {n} of a list of films about streets.", "public") for n in range(20)},
}


def chunk(document: str, title: str, text: str, access: str, ordinal: int = 0) -> Chunk:
    return Chunk(f"{document}-{ordinal}", document, ordinal, 0, len(text), text, title, access=(access,))


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EmbeddedIndex]:
    embedder = HashEmbedder()
    opened = EmbeddedIndex(tmp_path / "index", embedder.dimensions)
    chunks = [chunk(document, *rest) for document, rest in TEXTS.items()]
    rows = await embedder.embed([f"{c.title}\n{c.text}" for c in chunks], "passage")
    opened.apply([Change(c.document, (Entry(c, row),)) for c, row in zip(chunks, rows, strict=True)])
    yield opened
    opened.close()


async def documents(index: EmbeddedIndex, question: str, *, linked: bool = True, **options: object) -> list[str]:
    retriever = Retriever(index, HashEmbedder(), name="i", recipe=SearchRecipe(linked=linked))
    found = await retriever.search(question, k=5, **options)  # type: ignore[arg-type]
    return [hit.chunk.document for hit in found.hits]


async def test_a_document_that_the_best_one_names_is_lifted(index: EmbeddedIndex) -> None:
    question = "Where was the director of the film Blood Street born?"
    assert (await documents(index, question))[:2] == ["film", "person"]


async def test_what_a_reader_may_not_read_is_not_there(index: EmbeddedIndex) -> None:
    question = "What did the director of Blood Street earn?"
    assert "secret" not in await documents(index, question)
    found = await documents(index, question, groups=frozenset({"public", "hr"}))
    assert found[0] == "secret"


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
async def test_every_mode_finds_and_says_how(index: EmbeddedIndex, mode: str) -> None:
    retriever = Retriever(index, HashEmbedder(), name="i")
    found = await retriever.search("tomatoes water", k=1, mode=mode)  # type: ignore[arg-type]
    (hit,) = found.hits
    assert hit.chunk.document == "noise"
    assert found.mode == mode
    assert hit.ranks[mode if mode != "hybrid" else "fused"] == 1
    assert found.generation == index.generation


async def test_a_question_without_words_is_no_error(index: EmbeddedIndex) -> None:
    assert await documents(index, "?!", mode="lexical") == []
    assert len(await documents(index, "?!")) == 5


async def test_the_same_search_gives_the_same_result(index: EmbeddedIndex) -> None:
    first = await documents(index, "film director born in Canton")
    assert all([await documents(index, "film director born in Canton") == first for _ in range(5)])


class Backwards:
    """A reranker that turns the order round."""

    identity = "backwards"

    async def scores(self, question: str, chunks: Sequence[Chunk]) -> list[float]:
        return [float(n) for n in range(len(chunks))]


async def test_a_reranker_orders_what_it_looked_at_and_nothing_else(index: EmbeddedIndex) -> None:
    plain = Retriever(index, HashEmbedder(), name="i")
    turned = Retriever(index, HashEmbedder(), name="i", recipe=SearchRecipe(reranked=2), reranker=Backwards())
    before = [c.chunk.id for c in (await plain.search("film Blood Street", k=4)).hits]
    after = [c.chunk.id for c in (await turned.search("film Blood Street", k=4)).hits]
    assert after == [before[1], before[0], *before[2:]]


def candidates(*documents: str) -> list[Candidate]:
    return [Candidate(chunk(d, d, "text", "public", n), 1.0 - n / 100) for n, d in enumerate(documents)]


def test_a_short_document_does_not_crowd_out_others() -> None:
    found = spread(candidates("a", "a", "b", "a", "c"), {"a": 4, "b": 1, "c": 1})
    assert [c.chunk.document for c in found] == ["a", "b", "c", "a", "a"]


def test_a_long_document_may_fill_the_list() -> None:
    found = spread(candidates("a", "a", "b", "a"), {"a": 80, "b": 1})
    assert [c.chunk.document for c in found] == ["a", "a", "b", "a"]


async def test_neighbours_stand_behind_their_hit_and_only_where_they_may_be_read(index: EmbeddedIndex) -> None:
    embedder = HashEmbedder()
    parts = [chunk("long", "Long", f"part {n} of the long story", "public", n) for n in range(6)]
    rows = await embedder.embed([part.text for part in parts], "passage")
    index.apply([Change("long", tuple(Entry(part, row) for part, row in zip(parts, rows, strict=True)))])
    wide = WithNeighbours(Retriever(index, embedder, name="i"), index, reach=1)
    found = await wide.search("part 3 of the long story", k=1, groups=frozenset({"public"}), where={})
    assert [hit.chunk.ordinal for hit in found.hits] == [3, 2, 4]
    assert (await wide.search("part 3", k=1, groups=frozenset({"nobody"}), where={})).hits == ()


async def test_a_chunk_that_an_ingestion_takes_away_meanwhile_is_no_error(
    index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gone = index.vectors, set[str]()

    def vectors(ids: Sequence[str]) -> Matrix:
        if not gone:
            gone.update(chunk.document for chunk in index.read(ids, None))
            index.apply([Change(document) for document in gone])
        return real(ids)

    monkeypatch.setattr(index, "vectors", vectors)
    retriever = Retriever(index, HashEmbedder(), name="i", recipe=SearchRecipe(candidates=1))
    found = await retriever.search("tomato number of a list of films about streets", k=1)
    assert gone
    assert found.hits
    assert gone.isdisjoint(candidate.chunk.document for candidate in found.candidates)


async def test_how_many_documents_there_are_follows_the_index(index: EmbeddedIndex) -> None:
    retriever = Retriever(index, HashEmbedder(), name="i")
    assert retriever.documents() == len(TEXTS)
    index.apply([Change("noise")])
    assert retriever.documents() == len(TEXTS) - 1
