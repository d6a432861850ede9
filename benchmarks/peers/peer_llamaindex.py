"""LlamaIndex: IngestionPipeline, a FAISS or the default vector store, BM25Retriever, QueryFusionRetriever."""

from __future__ import annotations

import time

STARTED = time.perf_counter()

from collections.abc import Iterable
from importlib.metadata import version

import protocol  # first of all: it turns usage reporting off

# isort: split
import faiss
from embedder import DIMENSIONS, HANDOFF, MiniLM
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.retrievers.bm25 import BM25Retriever
from llama_index.vector_stores.faiss import FaissVectorStore

CHUNK_TOKENS = 256


class Embedding(BaseEmbedding):
    """The shared embedder behind LlamaIndex's interface."""

    _embedder: MiniLM = PrivateAttr()

    def __init__(self, embedder: MiniLM) -> None:
        """Wrap `embedder`."""
        super().__init__(model_name="all-MiniLM-L6-v2-int8", embed_batch_size=HANDOFF)
        self._embedder = embedder

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.passages(texts).tolist()
        return vectors

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._embedder.query(query).tolist()
        return vector

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class LlamaIndexPeer:
    """Documents skipped by their hash in the pipeline's docstore; reciprocal-rank fusion without a language model."""

    def __init__(self, setup: protocol.Setup) -> None:
        """Create empty stores."""
        self._candidates = setup.candidates
        embedding = Embedding(setup.embedder)
        splitter = SentenceSplitter(chunk_size=CHUNK_TOKENS if setup.split else 2**20, chunk_overlap=0)
        # The cache of whole runs only repeats what the docstore already tells, at the price of memory.
        self._pipeline = IngestionPipeline(
            transformations=[splitter, embedding],
            docstore=SimpleDocumentStore(),
            docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
            disable_cache=True,
        )
        store = SimpleVectorStore() if setup.store == "simple" else FaissVectorStore(faiss.IndexFlatIP(DIMENSIONS))
        context = StorageContext.from_defaults(vector_store=store)
        self._index = VectorStoreIndex([], storage_context=context, embed_model=embedding, store_nodes_override=True)
        self._retriever: QueryFusionRetriever | None = None

    def ingest(self, passages: Iterable[protocol.Passage]) -> int:
        """Run the pipeline; where it let anything through, insert that and build the keyword index anew."""
        documents = [
            Document(
                id_=p.id,
                text=p.content,
                metadata={"source": p.id},
                excluded_embed_metadata_keys=["source"],
                excluded_llm_metadata_keys=["source"],
            )
            for p in passages
        ]
        nodes = self._pipeline.run(documents=documents)
        if nodes:
            self._index.insert_nodes(nodes)
            self._retriever = self._hybrid()
        return len(self._index.docstore.docs)

    def search(self, query: str) -> list[str]:
        """Retrieve and fuse."""
        assert self._retriever is not None
        return [hit.node.metadata["source"] for hit in self._retriever.retrieve(query)]

    def _hybrid(self) -> QueryFusionRetriever:
        return QueryFusionRetriever(
            [
                self._index.as_retriever(similarity_top_k=self._candidates),
                BM25Retriever.from_defaults(docstore=self._index.docstore, similarity_top_k=self._candidates),
            ],
            llm=MockLLM(),
            mode=FUSION_MODES.RECIPROCAL_RANK,
            similarity_top_k=2 * self._candidates,
            num_queries=1,
            use_async=False,
        )


if __name__ == "__main__":
    protocol.main(
        "llamaindex", version("llama-index-core"), LlamaIndexPeer, stores=("faiss", "simple"), started=STARTED
    )
