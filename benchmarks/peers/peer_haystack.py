"""Haystack: indexing and query pipelines over the InMemoryDocumentStore, joined by reciprocal-rank fusion."""

from __future__ import annotations

import logging
import time

STARTED = time.perf_counter()

from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version

import protocol  # first of all: it turns usage reporting off

# isort: split
from embedder import MiniLM
from haystack import Document, Pipeline, component
from haystack.components.joiners import DocumentJoiner
from haystack.components.joiners.document_joiner import JoinMode
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy

logging.getLogger("haystack").setLevel(logging.ERROR)  # else a line for every chunk that is skipped

CHUNK_WORDS = 180
"""About 256 tokens of the embedder's on English prose."""


@component
class DocumentEmbedder:
    """The shared embedder as a component of an indexing pipeline."""

    def __init__(self, embedder: MiniLM) -> None:
        """Wrap `embedder`."""
        self._embedder = embedder

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return the documents with their embeddings."""
        vectors = self._embedder.passages([d.content or "" for d in documents])
        return {"documents": [replace(d, embedding=v.tolist()) for d, v in zip(documents, vectors, strict=True)]}


@component
class TextEmbedder:
    """The shared embedder as a component of a query pipeline."""

    def __init__(self, embedder: MiniLM) -> None:
        """Wrap `embedder`."""
        self._embedder = embedder

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """Return the query's embedding."""
        return {"embedding": self._embedder.query(text).tolist()}


class HaystackPeer:
    """Chunks known by the hash of their content are not written again, though they are split and embedded again."""

    def __init__(self, setup: protocol.Setup) -> None:
        """Create an empty store and the two pipelines."""
        self._store = InMemoryDocumentStore(return_embedding=False)
        self._indexing = Pipeline()
        self._indexing.add_component("embedder", DocumentEmbedder(setup.embedder))
        self._indexing.add_component("writer", DocumentWriter(self._store, policy=DuplicatePolicy.SKIP))
        self._indexing.connect("embedder", "writer")
        self._entry = "embedder"
        if setup.split:
            self._indexing.add_component("splitter", DocumentSplitter(split_by="word", split_length=CHUNK_WORDS))
            self._indexing.connect("splitter", "embedder")
            self._entry = "splitter"

        self._querying = Pipeline()
        self._querying.add_component("embedder", TextEmbedder(setup.embedder))
        self._querying.add_component("dense", InMemoryEmbeddingRetriever(self._store, top_k=setup.candidates))
        self._querying.add_component("keyword", InMemoryBM25Retriever(self._store, top_k=setup.candidates))
        self._querying.add_component("joiner", DocumentJoiner(join_mode=JoinMode.RECIPROCAL_RANK_FUSION))
        self._querying.connect("embedder.embedding", "dense.query_embedding")
        self._querying.connect("dense", "joiner")
        self._querying.connect("keyword", "joiner")

    def ingest(self, passages: Iterable[protocol.Passage]) -> int:
        """Run the indexing pipeline over all passages."""
        documents = [Document(content=p.content, meta={"source": p.id}) for p in passages]
        self._indexing.run({self._entry: {"documents": documents}})
        return self._store.count_documents()

    def search(self, query: str) -> list[str]:
        """Run the query pipeline."""
        result = self._querying.run({"embedder": {"text": query}, "keyword": {"query": query}})
        return [document.meta["source"] for document in result["joiner"]["documents"]]


if __name__ == "__main__":
    protocol.main("haystack", version("haystack-ai"), HaystackPeer, stores=("memory",), started=STARTED)
