"""From settings to parts: the only place where a name in ``assay.toml`` becomes an object.

Each maker imports what it makes, so that an application pays only for what it uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import NotFound
from assay.ingestion.parsing import Parser, revision
from assay.ingestion.plain_parsing import PlainParser
from assay.ingestion.recipe import Recipe
from assay.ingestion.rich_parsing import RichParser
from assay.ingestion.sources import Source
from assay.models.chat import ChatModel
from assay.models.embedding import Embedder
from assay.releases.file.sections import COMPATIBLE, ModelChoice
from assay.releases.manifest import Manifest
from assay.releases.project import Project
from assay.stores.index import Index

if TYPE_CHECKING:
    from assay.stores.database import Database


def database(project: Project) -> Database:
    """The application's state. Raises StoreError."""
    from assay.stores.database import Database

    return Database.at(project.database)


def sources(project: Project) -> list[Source]:
    """The places that documents come from."""
    return [
        Source(
            name=source.title,
            path=project.file.resolve(source.path),
            include=source.include,
            exclude=source.exclude,
            access=source.access,
            metadata=source.metadata,
            kind=source.kind,
            prefix=source.prefix,
            max_bytes=source.max_bytes,
        )
        for source in project.manifest.sources
    ]


def embedder(manifest: Manifest) -> Embedder:
    """The model that turns texts into vectors. Raises PluginError, ModelError for a missing key."""
    chosen = manifest.embedder
    if chosen is None:
        from assay.models.minilm import MiniLM

        return MiniLM()
    from assay.models.openai_embedding import OpenAIEmbedder

    return OpenAIEmbedder(
        chosen.model,
        base_url=chosen.base_url,
        dimensions=chosen.dimensions,
        api_key_env=chosen.api_key_env,
        max_tokens=chosen.max_tokens,
        timeout=chosen.timeout.seconds,
    )


def parsers() -> list[Parser]:
    """What reads files, in the order in which it is asked."""
    return [PlainParser(), RichParser()]


def recipe(manifest: Manifest, model: Embedder, readers: list[Parser]) -> Recipe:
    """The recipe of the index that the manifest describes."""
    chosen = manifest.index
    return Recipe(
        chunker=chosen.chunker,
        max_tokens=chosen.max_tokens,
        overlap=chosen.overlap,
        embedder=model.identity,
        dimensions=model.dimensions,
        window=model.max_tokens,
        backend=chosen.store,
        parser=revision(readers),
    )


def index(project: Project, found: Recipe) -> Index:
    """Open the index of a recipe, or make an empty one. Raises StoreError, PluginError."""
    if found.backend == "embedded":
        from assay.stores.embedded_index import EmbeddedIndex

        return EmbeddedIndex(project.state / "indexes" / found.id, found.dimensions)
    from assay import plugins

    opened: Index = plugins.load("index", found.backend)(
        project.manifest.index.uri or str(project.state / "lance"), f"index_{found.id}", found.dimensions
    )
    return opened


def chat_model(name: str, chosen: ModelChoice, directory: Path) -> ChatModel:
    """A language model, with retries where they are safe; paths are relative to ``directory``.

    Raises PluginError, ModelError, InputError.
    """
    from assay.models.prices import Price
    from assay.models.providers import ProviderModel
    from assay.models.retrying import RetryingModel
    from assay.models.tokens import file_counter

    if chosen.model is None and chosen.uses == COMPATIBLE:
        raise NotFound(f"models.{name} names no model")
    uses = f"{COMPATIBLE}:{chosen.model}" if chosen.uses == COMPATIBLE else chosen.uses
    price = chosen.price
    return RetryingModel(
        ProviderModel(
            uses,
            base_url=chosen.base_url,
            api_key_env=chosen.api_key_env,
            temperature=chosen.temperature,
            max_tokens=chosen.max_tokens,
            timeout=chosen.timeout.seconds,
            window=chosen.window,
            options=chosen.options,
            price=Price(input=price.input, output=price.output, cached=price.cached) if price else None,
            counter=file_counter(directory / chosen.tokenizer) if chosen.tokenizer else None,
        )
    )
