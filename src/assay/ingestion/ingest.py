"""Ingestion: brings an index to what the sources hold, whatever state it was left in.

Sources are walked, read, cut, embedded and applied as a stream: memory holds a few documents
at a time. Vectors are stored batch by batch as they come, documents applied in groups under the
ledger's protocol, so that a kill at any point costs at most one batch of vectors, and the next
run ends in the same index as an undisturbed one.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from assay.errors import AssayError, SourceError, StoreError
from assay.ingestion.applying import Applier, Prepared
from assay.ingestion.chunking.chunkers import Chunker
from assay.ingestion.chunking.counting import Counter
from assay.ingestion.embedding import Embedding, Vectors
from assay.ingestion.ledger import Ledger
from assay.ingestion.lock import exclusive
from assay.ingestion.parsing import Parser, document
from assay.ingestion.recipe import Recipe
from assay.ingestion.report import Failure, IngestReport, Progress, Watcher
from assay.ingestion.rows import State
from assay.ingestion.sources import Item, Source, Unreadable
from assay.ingestion.survey import Survey, unreadable_id
from assay.ingestion.walking import count
from assay.models.embedding import Embedder
from assay.stores.index import Change, Index

__all__ = ["Failure", "IngestReport", "Pipeline", "Progress", "ingest"]

_GROUP = 256
"""Chunks that are applied together: one transaction of the index."""
_INLINE = 50_000
"""Characters up to which cutting takes less than handing it to a thread is worth."""


@dataclass(frozen=True)
class Pipeline:
    """Everything that an ingestion works with. ``index`` is the recipe's; ``others`` are the ledger's
    other indexes by id, from which vanished documents are removed too."""

    recipe: Recipe
    parsers: Sequence[Parser]
    chunker: Chunker
    embedder: Embedder
    embeddings: Vectors
    index: Index
    ledger: Ledger
    lock: Path
    others: Mapping[str, Index] = field(default_factory=dict)


async def ingest(sources: Sequence[Source], pipeline: Pipeline, progress: Watcher | None = None) -> IngestReport:
    """Read what changed, remove what disappeared, and make the index the one that is asked.

    A document that cannot be read is in the report and does not stop the rest. Raises ModelError
    when the embedder fails, StoreError when nothing can be written or another ingestion is
    running; what was done until then is kept and need not be done again.
    """
    with exclusive(pipeline.lock):
        try:
            return await _Run(sources, pipeline, progress).run()
        except ExceptionGroup as group:
            raise _translated(_first(group)) from group
        except OSError as error:
            raise _translated(error) from error


class _Run:
    def __init__(self, sources: Sequence[Source], pipeline: Pipeline, progress: Watcher | None) -> None:
        self._began = time.perf_counter()
        self._sources, self._pipeline, self._progress = sources, pipeline, progress
        self._index = pipeline.ledger.open(pipeline.recipe)
        self._states = _agreed(pipeline, self._index)
        self._survey = Survey(sources, self._states)
        self._embedding = Embedding(pipeline.embedder, pipeline.embeddings)
        self._applier = Applier(self._index, pipeline.index, pipeline.ledger, self._embedding, self._states)
        self._counter = Counter(pipeline.embedder.count)
        self._failed: list[Unreadable] = []
        self._done = 0
        self._total: int | None = None

    async def run(self) -> IngestReport:
        send, receive = anyio.create_memory_object_stream[Prepared](8)
        async with anyio.create_task_group() as tasks:
            if self._progress is not None:
                tasks.start_soon(self._count)
            tasks.start_soon(self._produce, send)
            tasks.start_soon(self._consume, receive)
        return await to_thread.run_sync(self._finish)

    async def _count(self) -> None:
        self._total = await to_thread.run_sync(count, self._sources)

    async def _produce(self, send: MemoryObjectSendStream[Prepared]) -> None:
        async with send:
            while (items := await to_thread.run_sync(self._survey.step)) is not None:
                for item in items:
                    try:
                        await send.send(await self._prepared(item))
                    except SourceError as error:
                        self._fail(item, str(error))
                self._step()

    async def _prepared(self, item: Item) -> Prepared:
        """Read and cut one document. Raises SourceError."""
        pipeline = self._pipeline
        found = await document(item, pipeline.parsers)

        def cut() -> Prepared:
            recipe = pipeline.recipe
            chunks = pipeline.chunker(
                found,
                max_tokens=recipe.max_tokens,
                overlap=recipe.overlap,
                counter=self._counter,
                window=recipe.window,
            )
            return Prepared.of(item, found, chunks)

        return cut() if len(found.text) < _INLINE else await to_thread.run_sync(cut)

    async def _consume(self, receive: MemoryObjectReceiveStream[Prepared]) -> None:
        group: list[Prepared] = []
        size = 0
        async with receive:
            async for prepared in receive:
                group.append(prepared)
                size += len(prepared.chunks)
                if size >= _GROUP:
                    await self._apply(group)
                    group, size = [], 0
            await self._apply(group)

    async def _apply(self, group: Sequence[Prepared]) -> None:
        await self._applier.apply(group, self._step)
        self._done += len(group)
        for refused, reason in self._applier.refused:
            self._fail(refused.item, reason)
        self._applier.refused.clear()
        self._step()

    def _fail(self, item: Item, reason: str) -> None:
        self._failed.append(Unreadable(item.uri, reason, item.source.name, covers=item.id))

    def _step(self) -> None:
        if self._progress is None:
            return
        failed = len(self._failed) + len(self._survey.unreadable)
        done = self._done + self._survey.unchanged + failed
        rate = self._done / max(1e-9, time.perf_counter() - self._began)
        total = None if self._total is None else max(self._total, done)
        remaining = (total - done) / rate if total is not None and rate else None
        self._progress(Progress(done, total, failed, self._embedding.computed, rate, remaining))

    def _finish(self) -> IngestReport:
        """What can only be done when all sources have been seen."""
        ledger, survey = self._pipeline.ledger, self._survey
        ledger.indexed(self._index, survey.restored)
        failures = self._write_failures()
        gone = survey.vanished(self._states.values())
        self._applier.remove(gone)
        for name, index in self._pipeline.others.items():
            states = ledger.states(name)
            Applier(name, index, ledger, self._embedding, states).remove(survey.vanished(states.values()))
        active = self._activated()
        if self._applier.applied or gone:
            identity = self._pipeline.embedder.identity
            self._pipeline.embeddings.prune(identity, ledger.references(identity))
        documents, chunks = ledger.totals(self._index)
        return IngestReport(
            index=self._index,
            active=active,
            documents=documents,
            chunks=chunks,
            embedded=self._embedding.computed,
            unchanged=survey.unchanged,
            deleted=sum(self._states[document].entries > 0 for document in gone),
            failed=failures,
            seconds=time.perf_counter() - self._began,
            embed_seconds=self._embedding.seconds,
        )

    def _write_failures(self) -> tuple[Failure, ...]:
        """Into the ledger what could not be read; entries of before stay."""
        ledger, seen = self._pipeline.ledger, self._survey.seen
        rows = [(found.covers or found.uri, found) for found in self._failed]
        rows += [(unreadable_id(found, seen), found) for found in self._survey.unreadable]
        self._settle([key for key, _ in rows])
        ledger.failed(self._index, [(key, found.source, found.uri, found.error) for key, found in rows])
        return tuple(Failure(found.uri, found.error, stale=self._stale(key, found)) for key, found in rows)

    def _stale(self, key: str, found: Unreadable) -> bool:
        """Whether something is still indexed of what could not be read."""
        if found.whole:
            return any(
                state.entries and found.concerns(state.source, state.document) for state in self._states.values()
            )
        own, meant = self._states.get(key), self._states.get(found.covers or "")
        return bool(own and own.entries) or bool(
            meant and meant.entries and found.concerns(meant.source, meant.document)
        )

    def _settle(self, documents: Sequence[str]) -> None:
        """Of a document whose change was cut off and that now fails, the ledger must say what the index
        really holds."""
        unsettled = [key for key in documents if key in self._states and self._states[key].status == "pending"]
        if unsettled:
            held: dict[str, list[str]] = {key: [] for key in unsettled}
            for chunk, owner in self._pipeline.index.inventory().chunks.items():
                if owner in held:
                    held[owner].append(chunk)
            known = self._pipeline.ledger.chunk_ids(self._index, unsettled)
            for key, chunks in held.items():
                if set(chunks) != set(known.get(key, [])):
                    self._pipeline.ledger.holds(self._index, key, chunks)

    def _activated(self) -> bool:
        """Make the index the one that is asked, unless a source that the active one still holds documents
        of could not be opened: these would be lost from sight."""
        ledger, active = self._pipeline.ledger, self._pipeline.ledger.active()
        if active is not None and active.id == self._index:
            return True
        if active is not None:
            have = ledger.states(self._index)
            lost = [state for state in ledger.states(active.id).values() if state.entries]
            closed = [found for found in self._survey.unreadable if found.whole]
            for state in lost:
                if state.document not in have and any(f.concerns(state.source, state.document) for f in closed):
                    return False
        ledger.activate(self._index)
        return True


def _agreed(pipeline: Pipeline, name: str) -> dict[str, State]:
    """The ledger's rows, after a ledger or an index that was deleted: what the index holds and the
    ledger does not know goes, what the ledger knows and an empty index does not hold is applied anew."""
    ledger, index = pipeline.ledger, pipeline.index
    states = ledger.states(name)
    held = [state.document for state in states.values() if state.entries]
    if not states:
        unknown = [listing.document for listing in index.listing()]
        for at in range(0, len(unknown), 500):
            index.apply([Change(document) for document in unknown[at : at + 500]])
    elif held and index.generation <= 1 and not index.listing():
        ledger.reset(name, held)
        return ledger.states(name)
    return states


def _first(error: BaseException) -> BaseException:
    """The error that matters in a group: Assay's own before others."""
    while isinstance(error, BaseExceptionGroup):
        error = next((e for e in error.exceptions if isinstance(e, AssayError)), error.exceptions[0])
    return error


def _translated(error: BaseException) -> BaseException:
    if not isinstance(error, OSError):
        return error
    if error.errno == errno.ENOSPC:
        return StoreError("the disk is full; free some space and run again, what was done until now is kept")
    return StoreError(f"{error.filename or 'the store'}: {error.strerror or error}; mend it and run again")
