"""An application's ingestion, opened: run it, verify what it made, mend what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from anyio import to_thread

from assay.ingestion.chunking.chunkers import CHUNKERS
from assay.ingestion.ingest import Pipeline, ingest
from assay.ingestion.ledger import Ledger
from assay.ingestion.report import IngestReport, Watcher
from assay.ingestion.rich_parsing import RichParser
from assay.ingestion.sources import Source
from assay.ingestion.verify import Verification, repair, verify
from assay.releases import parts
from assay.releases.project import LOCK, Project
from assay.stores.embeddings import EmbeddingStore


@dataclass(frozen=True, slots=True)
class Ingestion:
    """The sources of an application and the pipeline that brings them into its index."""

    sources: Sequence[Source]
    pipeline: Pipeline

    async def run(self, progress: Watcher | None = None) -> IngestReport:
        """Read what changed, remove what disappeared. Raises ModelError, StoreError."""
        return await ingest(self.sources, self.pipeline, progress)

    async def verify(self) -> Verification:
        """Hold sources, ledger and index against each other. Raises StoreError."""
        pipeline = self.pipeline

        def check() -> Verification:
            return verify(self.sources, pipeline.ledger, pipeline.index, index_id=pipeline.recipe.id)

        return await to_thread.run_sync(check)

    async def repair(self, found: Verification, progress: Watcher | None = None) -> Verification:
        """Mend what was found, and verify again. Raises ModelError, StoreError."""
        return await repair(self.sources, self.pipeline, found, progress)


@contextmanager
def open_ingestion(project: Project) -> Iterator[Ingestion]:
    """Open everything that an ingestion works with, for as long as the context lasts.

    Raises PluginError, ModelError and StoreError.
    """
    model, readers = parts.embedder(project.manifest), parts.parsers()
    recipe = parts.recipe(project.manifest, model, readers)
    with ExitStack() as stack:
        database = stack.enter_context(closing(parts.database(project)))
        for reader in readers:
            if isinstance(reader, RichParser):
                stack.callback(reader.close)
        ledger = Ledger(database)
        own = stack.enter_context(closing(parts.index(project, recipe)))
        others = {
            row.id: stack.enter_context(closing(parts.index(project, row.recipe)))
            for row in ledger.indexes()
            if row.id != recipe.id
        }
        pipeline = Pipeline(
            recipe=recipe,
            parsers=readers,
            chunker=CHUNKERS[recipe.chunker],
            embedder=model,
            embeddings=EmbeddingStore(database),
            index=own,
            ledger=ledger,
            lock=project.state / LOCK,
            others=others,
        )
        yield Ingestion(parts.sources(project), pipeline)
