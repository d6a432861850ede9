"""LangChain: the indexing API over a FAISS or in-memory vector store, BM25Retriever, EnsembleRetriever."""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import re
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import protocol  # first of all: it turns usage reporting off

# isort: split
import faiss
from embedder import DIMENSIONS, HANDOFF, MiniLM
from langchain_classic.indexes import SQLRecordManager
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.docstore.in_memory import InMemoryDocstore
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import index
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

CHUNK_CHARACTERS = 1000
"""The size LangChain's guides use: about 235 tokens of the embedder's on English prose."""


class Embedding(Embeddings):
    """The shared embedder behind LangChain's interface."""

    def __init__(self, embedder: MiniLM) -> None:
        """Wrap `embedder`."""
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages."""
        vectors: list[list[float]] = self._embedder.passages(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        vector: list[float] = self._embedder.query(text).tolist()
        return vector


def words(text: str) -> list[str]:
    """Cut a text into lower-case words: the retriever's own default keeps case and punctuation."""
    return re.findall(r"\w+", text.lower())


class LangChainPeer:
    """Chunks known to an SQLite record manager by their hash are neither embedded nor added again."""

    def __init__(self, setup: protocol.Setup) -> None:
        """Create empty stores."""
        self._candidates = setup.candidates
        size = CHUNK_CHARACTERS if setup.split else 2**20
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
        embedding = Embedding(setup.embedder)
        self._store: VectorStore = (
            InMemoryVectorStore(embedding)
            if setup.store == "memory"
            else FAISS(embedding, faiss.IndexFlatL2(DIMENSIONS), InMemoryDocstore(), {})
        )
        self._directory = tempfile.TemporaryDirectory()
        database = Path(self._directory.name, "records.sqlite")
        self._records = SQLRecordManager("benchmark", db_url=f"sqlite:///{database}")
        self._records.create_schema()
        self._chunks = 0
        self._retriever: EnsembleRetriever | None = None

    def ingest(self, passages: Iterable[protocol.Passage]) -> int:
        """Index incrementally; where anything changed, build the keyword index anew."""
        documents = [Document(page_content=p.content, metadata={"source": p.id}) for p in passages]
        chunks = self._splitter.split_documents(documents)
        result = index(
            chunks,
            self._records,
            self._store,
            batch_size=HANDOFF,
            cleanup="incremental",
            source_id_key="source",
            key_encoder="blake2b",
        )
        if result["num_added"] or result["num_updated"] or result["num_deleted"]:
            keyword = BM25Retriever.from_documents(chunks, k=self._candidates, preprocess_func=words)
            dense = self._store.as_retriever(search_kwargs={"k": self._candidates})
            self._retriever = EnsembleRetriever(retrievers=[dense, keyword], weights=[0.5, 0.5])
        self._chunks += result["num_added"] - result["num_deleted"]
        return self._chunks

    def search(self, query: str) -> list[str]:
        """Retrieve and fuse."""
        assert self._retriever is not None
        return [document.metadata["source"] for document in self._retriever.invoke(query)]


if __name__ == "__main__":
    protocol.main("langchain", version("langchain-core"), LangChainPeer, stores=("faiss", "memory"), started=STARTED)
