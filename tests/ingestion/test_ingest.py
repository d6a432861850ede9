"""Ingestion ends in what the sources hold, does no work twice, and says what it could not read."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from assay.digest import Digest
from assay.errors import ModelTimeout, StoreError
from assay.ingestion.ingest import Progress, ingest
from assay.ingestion.sources import Source
from assay.models.embedding import Matrix, Role
from assay.stores.index import Change, Scope, Vector
from assay.testing.embedder import HashEmbedder

if TYPE_CHECKING:
    from tests.ingestion.conftest import Bench
else:
    Bench = Any

pytestmark = pytest.mark.anyio

LONG = " ".join(f"Sentence {i} is here to fill the text." for i in range(40))


async def test_first_and_second_run(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.", long=f"# Long\n\n{LONG}")
    first = await bench.ingest()
    assert (first.documents, first.unchanged, first.deleted, first.failed) == (3, 0, 0, ())
    assert first.chunks == first.embedded == len(bench.pipeline.index.inventory().chunks) > 3
    assert first.active
    assert bench.verify().ok
    second = await bench.ingest()
    assert (second.documents, second.unchanged, second.embedded) == (3, 3, 0)
    assert second.chunks == first.chunks
    assert bench.embedder.texts == first.embedded


async def test_a_deleted_index_is_filled_again_without_embedding(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.")
    await bench.ingest()
    bench.pipeline.index.drop()
    again = bench.recut(bench.pipeline.recipe.max_tokens)
    report = await again.ingest()
    assert (report.documents, report.embedded) == (2, 0)
    assert again.verify().findings == ()


async def test_after_a_deleted_ledger_nothing_that_vanished_is_found(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.")
    await bench.ingest()
    bench.pipeline.ledger.forget(bench.pipeline.recipe.id)
    (bench.docs / "two.md").unlink()
    await bench.ingest()
    assert sorted(bench.texts()) == ["one.md"]
    assert bench.verify().findings == ()


async def test_an_edit_costs_what_was_edited(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.")
    await bench.ingest()
    bench.write(one="# One\n\nText one, edited.")
    report = await bench.ingest()
    assert (report.embedded, report.unchanged, report.documents) == (1, 1, 2)
    assert bench.texts()["one.md"] == ["# One\n\nText one, edited."]
    assert bench.verify().ok


async def test_a_rename_costs_no_embedding(bench: Bench) -> None:
    bench.write(one=f"# One\n\n{LONG}")
    (bench.docs / "plain.txt").write_text(LONG, encoding="utf-8")
    first = await bench.ingest()
    (bench.docs / "one.md").rename(bench.docs / "eins.md")
    (bench.docs / "plain.txt").rename(bench.docs / "schlicht.txt")
    report = await bench.ingest()
    assert (report.embedded, report.deleted, report.documents) == (0, 2, 2)
    assert sorted(bench.texts()) == ["eins.md", "schlicht.txt"]
    assert bench.embedder.texts == first.embedded
    assert bench.verify().ok


async def test_what_disappears_is_gone_everywhere(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.", two="# Two\n\nText two.")
    await bench.ingest()
    other = bench.recut(60)
    assert (await other.ingest()).embedded == 0
    (bench.docs / "one.md").unlink()
    report = await other.ingest()
    assert report.deleted == 1
    assert list(bench.texts()) == list(other.texts()) == ["two.md"]
    assert other.verify().ok
    assert bench.verify().ok
    store = bench.pipeline.embeddings
    names = bench.pipeline.ledger.references(bench.embedder.identity)
    assert len(names) == len(store.get(bench.embedder.identity, names)) == 1


async def test_another_recipe_is_built_beside_and_then_asked(bench: Bench) -> None:
    bench.write(one=f"# One\n\n{LONG}")
    await bench.ingest()
    ledger = bench.pipeline.ledger
    other = bench.recut(60)
    broken = replace(other, pipeline=replace(other.pipeline, embedder=Refusing()))
    with pytest.raises(ModelTimeout):
        await broken.ingest()
    active = ledger.active()
    assert active is not None
    assert active.id == bench.pipeline.recipe.id
    assert (await other.ingest()).active
    active = ledger.active()
    assert active is not None
    assert active.id == other.pipeline.recipe.id
    assert [index.status for index in ledger.indexes()] == ["complete", "complete"]
    assert bench.verify().ok


async def test_a_new_index_is_not_asked_while_a_whole_source_is_away(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.")
    await bench.ingest()
    bench.docs.rename(bench.folder / "away")
    other = bench.recut(60)
    report = await other.ingest()
    assert not report.active
    assert "does not exist" in report.failed[0].error
    (bench.folder / "away").rename(bench.docs)
    assert (await other.ingest()).active


async def test_a_missing_source_loses_nothing(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.")
    await bench.ingest()
    bench.docs.rename(bench.folder / "away")
    report = await bench.ingest()
    assert (report.documents, report.deleted) == (1, 0)
    assert report.failed[0].stale
    assert list(bench.texts()) == ["one.md"]
    (bench.folder / "away").rename(bench.docs)
    report = await bench.ingest()
    assert (report.unchanged, report.embedded, report.failed) == (1, 0, ())
    assert not bench.pipeline.ledger.failures(report.index)
    assert bench.verify().ok


async def test_access_and_metadata_change_without_embedding(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.")
    await bench.ingest()
    staff = replace(bench.source, access=("staff",), metadata={"lang": "en"})
    report = await bench.ingest(staff)
    assert (report.embedded, report.unchanged) == (0, 0)
    index = bench.pipeline.index
    assert index.document("one.md", Scope()) == []
    (chunk,) = index.document("one.md", Scope(frozenset({"staff"}), {"lang": "en"}))
    assert chunk.access == ("staff",)
    assert bench.verify(staff).ok


async def test_jsonl_documents_bring_their_own_rights(bench: Bench) -> None:
    path = bench.folder / "c.jsonl"
    lines = [{"id": "a", "text": "Text a."}, {"id": "b", "text": "Text b.", "access": ["board"]}]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    source = Source("c", path, metadata={"kind": "note"})
    assert (await bench.ingest(source)).documents == 2
    assert bench.pipeline.index.document("b", Scope()) == []
    (chunk,) = bench.pipeline.index.document("b", Scope(frozenset({"board"})))
    assert chunk.metadata == {"kind": "note"}
    path.write_text("\n".join(map(json.dumps, lines[::-1])), encoding="utf-8")
    assert (await bench.ingest(source)).unchanged == 2


async def test_failing_files_are_reported_kept_and_mended(bench: Bench, make: SimpleNamespace) -> None:
    bench.write(good="# Good\n\nGood text.", later="# Later\n\nFirst version.")
    (bench.docs / "doc.pdf").write_bytes(make.pdf(["A page of text."]))
    await bench.ingest()
    (bench.docs / "empty.md").write_bytes(b"")
    (bench.docs / "blank.txt").write_text(" \n\n ", encoding="utf-8")
    (bench.docs / "later.md").write_bytes(b"\xff\xfe\0\xd8")
    (bench.docs / "doc.pdf").write_bytes(b"%PDF-1.4 broken")
    report = await bench.ingest()
    reasons = {Path(failure.uri).name: failure for failure in report.failed}
    assert sorted(reasons) == ["blank.txt", "doc.pdf", "empty.md", "later.md"]
    assert "empty file" in reasons["empty.md"].error
    assert "no text" in reasons["blank.txt"].error
    assert "utf-16" in reasons["later.md"].error
    assert "damaged" in reasons["doc.pdf"].error
    assert [reasons[name].stale for name in sorted(reasons)] == [False, True, False, True]
    assert bench.texts()["later.md"] == ["# Later\n\nFirst version."]
    verified = bench.verify()
    assert verified.ok
    assert {finding.kind for finding in verified.findings} == {"failed"}
    assert [Path(f.uri).name for f in bench.pipeline.ledger.failures(report.index)] == sorted(reasons)
    before = bench.embedder.texts
    bench.write(later="# Later\n\nFirst version.", empty="# Now\n\nThere is text.")
    (bench.docs / "doc.pdf").unlink()
    report = await bench.ingest()
    assert [Path(failure.uri).name for failure in report.failed] == ["blank.txt"]
    assert bench.embedder.texts == before + 1
    assert "doc.pdf" not in bench.texts()
    assert bench.verify().ok


async def test_a_broken_line_of_jsonl_keeps_what_was_indexed_of_it(bench: Bench) -> None:
    path = bench.folder / "c.jsonl"
    good = [f'{{"id": "{name}", "text": "Text {name}."}}' for name in "abc"]
    path.write_text("\n".join(good), encoding="utf-8")
    source = Source("c", path)
    await bench.ingest(source)
    path.write_text("\n".join([good[0], '{"id": "b", "text": ']), encoding="utf-8")
    report = await bench.ingest(source)
    assert (report.documents, report.deleted) == (2, 1)
    assert [(Path(f.uri).name, f.stale) for f in report.failed] == [("c.jsonl:2", True)]
    assert sorted(bench.texts()) == ["a", "b"]
    assert bench.verify(source).ok


async def test_the_same_text_in_two_documents_is_embedded_once(bench: Bench) -> None:
    bench.write(one="# Same\n\nText.", two="# Same\n\nText.")
    assert (await bench.ingest()).embedded == 1
    (bench.docs / "one.md").unlink()
    await bench.ingest()
    bench.write(three="# Same\n\nText.")
    assert (await bench.ingest()).embedded == 0


async def test_other_bytes_with_the_same_text_change_nothing(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.")
    await bench.ingest()
    generation = bench.pipeline.index.generation
    (bench.docs / "one.md").write_bytes(b"\xef\xbb\xbf# One\n\nText one.")
    assert (await bench.ingest()).embedded == 0
    assert bench.pipeline.index.generation == generation
    assert (await bench.ingest()).unchanged == 1
    assert bench.verify().ok


async def test_one_ingestion_at_a_time(bench: Bench) -> None:
    bench.write(one="# One\n\nText one.")
    async with anyio.create_task_group() as tasks:
        held = Held()
        other = replace(bench, pipeline=replace(bench.pipeline, embedder=held))
        tasks.start_soon(other.ingest)
        await held.begun.wait()
        with pytest.raises(StoreError, match=r"another ingestion \(process \d+\) is running"):
            await bench.ingest()
        held.go.set()
    assert (await bench.ingest()).unchanged == 1


async def test_cancelled_in_the_middle_and_run_again(bench: Bench) -> None:
    bench.write(**{f"d{i}": f"# D{i}\n\nText {i}." for i in range(100)})
    held = Held()
    other = replace(bench, pipeline=replace(bench.pipeline, embedder=held))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other.ingest)
        await held.begun.wait()
        tasks.cancel_scope.cancel()
    assert (await bench.ingest()).documents == 100
    assert bench.verify().ok


async def test_a_full_disk_stops_cleanly(bench: Bench) -> None:
    bench.write(**{f"d{i:03}": f"# D{i}\n\nText {i}." for i in range(100)})
    for part in (FullVectors(bench.pipeline.embeddings), None):
        pipeline = bench.pipeline
        if part is not None:
            pipeline = replace(pipeline, embeddings=part)
        else:
            pipeline = replace(pipeline, index=FullIndex(pipeline.index))
        with pytest.raises(StoreError, match="disk is full"):
            await ingest([bench.source], pipeline)
    report = await bench.ingest()
    assert report.documents == 100
    assert report.embedded == 0
    assert bench.verify().ok


async def test_a_vector_that_no_index_takes_fails_its_document_only(bench: Bench) -> None:
    bench.write(good="# Good\n\nGood text.", bad="# Bad\n\nnan")
    broken = replace(bench, pipeline=replace(bench.pipeline, embedder=NotANumber()))
    report = await broken.ingest()
    assert [Path(failure.uri).name for failure in report.failed] == ["bad.md"]
    assert list(bench.texts()) == ["good.md"]


async def test_progress_ends_at_the_total(bench: Bench) -> None:
    bench.write(**{f"d{i}": f"# D{i}\n\nText {i}." for i in range(70)}, empty="")
    steps: list[Progress] = []
    await ingest([bench.source], bench.pipeline, steps.append)
    assert len(steps) > 2
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    last = steps[-1]
    assert (last.done, last.total, last.failed, last.embedded) == (71, 71, 1, 70)
    assert last.remaining == 0
    assert last.rate > 0


class Refusing(HashEmbedder):
    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        raise ModelTimeout("no answer in time", model="refusing")


class NotANumber(HashEmbedder):
    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        rows = await super().embed(texts, role)
        rows[["nan" in text for text in texts]] = float("nan")
        return rows


class Held(HashEmbedder):
    """Waits in ``embed`` until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = anyio.Event(), anyio.Event()

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        self.begun.set()
        await self.go.wait()
        return await super().embed(texts, role)


class FullVectors:
    """The disk is full when the second batch of vectors comes."""

    def __init__(self, real: Any) -> None:
        self._real, self._puts = real, 0
        self.get, self.prune = real.get, real.prune

    def put(self, identity: str, vectors: Mapping[Digest, Vector]) -> None:
        self._puts += 1
        if self._puts > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._real.put(identity, vectors)


class FullIndex:
    """The disk is full when changes are applied."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, changes: Sequence[Change]) -> None:
        raise StoreError("index: the disk is full; free some space and run again")
