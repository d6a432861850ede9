"""Every orphan and gap is found by name, and mended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from assay.ingestion.verify import Verification, repair
from assay.stores.index import Change, Entry, Index, Inventory, Scope

if TYPE_CHECKING:
    from tests.ingestion.conftest import Bench
else:
    Bench = Any

pytestmark = pytest.mark.anyio


def kinds(found: Verification) -> set[tuple[str, str | None]]:
    return {(finding.kind, finding.document) for finding in found.findings}


@pytest.fixture
async def filled(bench: Bench) -> Bench:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.")
    await bench.ingest()
    assert bench.verify().findings == ()
    return bench


async def mended(bench: Bench) -> None:
    found = bench.verify()
    assert not found.ok
    assert (await repair([bench.source], bench.pipeline, found)).findings == ()
    assert sorted(bench.texts()) == sorted(path.name for path in bench.docs.iterdir())


async def test_sources_against_the_ledger(filled: Bench) -> None:
    filled.write(one="# One\n\nEdited.", three="# Three\n\nNew.")
    (filled.docs / "two.md").unlink()
    expected = {("changed", "one.md"), ("not_ingested", "three.md"), ("disappeared", "two.md")}
    assert kinds(filled.verify()) == expected
    assert filled.verify().as_dict()["found"] == {"changed": 1, "not_ingested": 1, "disappeared": 1}
    await mended(filled)


async def test_a_failure_of_before_is_not_a_gap(filled: Bench) -> None:
    bad = filled.docs / "bad.md"
    bad.write_bytes(b"")
    assert (await filled.ingest()).failed
    bad.unlink()
    assert filled.verify().findings == ()
    assert not (await filled.ingest()).failed


async def test_a_document_gone_from_the_index(filled: Bench) -> None:
    filled.pipeline.index.apply([Change("one.md")])
    assert kinds(filled.verify()) == {("chunk_missing", "one.md")}
    before = filled.embedder.texts
    await mended(filled)
    assert filled.embedder.texts == before


async def test_a_document_that_only_the_index_knows(filled: Bench) -> None:
    index = filled.pipeline.index
    (chunk,) = index.document("one.md", Scope())
    (vector,) = index.vectors([chunk.id])
    index.apply([Change("ghost", (Entry(replace(chunk, id="ghost", document="ghost"), vector),))])
    assert kinds(filled.verify()) == {("chunk_orphan", "ghost")}
    await mended(filled)


async def test_a_row_that_only_the_ledger_knows(filled: Bench) -> None:
    filled.pipeline.index.apply([Change("two.md")])
    (filled.docs / "two.md").unlink()
    assert kinds(filled.verify()) == {("chunk_missing", "two.md"), ("disappeared", "two.md")}
    await mended(filled)


async def test_a_change_cut_off_in_the_middle(filled: Bench) -> None:
    ledger, name = filled.pipeline.ledger, filled.pipeline.recipe.id
    ledger.reset(name, ["one.md"])
    assert kinds(filled.verify()) == {("pending", "one.md")}
    await mended(filled)


class Holed:
    """An index of which some parts are missing, and some belong to nothing."""

    def __init__(self, real: Index) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def inventory(self) -> Inventory:
        real = self._real.inventory()
        first = min(real.chunks)
        return replace(real, vectors=real.vectors - {first} | {"v"}, lexical=real.lexical - {first} | {"l"})


async def test_vectors_and_lexical_entries(filled: Bench) -> None:
    pipeline = filled.pipeline
    real = pipeline.index.inventory()
    owner = real.chunks[min(real.chunks)]
    holed = replace(filled, pipeline=replace(pipeline, index=Holed(pipeline.index)))
    assert kinds(holed.verify()) == {
        ("vector_missing", owner),
        ("lexical_missing", owner),
        ("vector_orphan", None),
        ("lexical_orphan", None),
    }


async def test_a_pending_document_that_now_fails(filled: Bench) -> None:
    """Killed between intent and index, and then the file breaks: what the index holds is kept and known."""
    ledger, name = filled.pipeline.ledger, filled.pipeline.recipe.id
    filled.write(one="# One\n\nEdited, a chunk of another name.")
    real = filled.pipeline.index
    cut_off = replace(filled, pipeline=replace(filled.pipeline, index=Killed(real)))
    with pytest.raises(RuntimeError):
        await cut_off.ingest()
    (filled.docs / "one.md").write_bytes(b"")
    report = await filled.ingest()
    assert report.failed[0].stale
    assert filled.verify().ok
    assert filled.texts()["one.md"] == ["# One\n\nText one."]
    filled.write(one="# One\n\nText one.")
    assert not (await filled.ingest()).failed
    assert filled.verify().findings == ()
    assert ledger.states(name)["one.md"].status == "indexed"


class Killed(Holed):
    def apply(self, changes: Any) -> None:
        raise RuntimeError("killed")
