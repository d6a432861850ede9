"""An index in LanceDB (the extra ``lance``): larger corpora, object storage, several machines.

A chunk with its vector is one row, and LanceDB commits a table as a whole: ``apply`` is one
``merge_insert``, which inserts, replaces and deletes in a single new version of the table. So it
is all or nothing for every reader, and applied again it ends in the same rows. Two writers at
once are safe for different documents (LanceDB retries the later one on the newer version); which
of two changes to the same document stays is not defined. Readers look for a newer version on
each query (``read_consistency_interval`` of zero). The generation is the table's version, which
also grows with maintenance.

Up to FLAT_ROWS rows a dense search scans all vectors and is exact; above, once ``optimize`` or
``repair`` has built it, an IVF index answers from PROBES of its partitions, and rows that are not
in it yet are scanned.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS, IvfSq
from lancedb.query import (
    BooleanQuery,
    FullTextOperator,
    FullTextQuery,
    LanceVectorQueryBuilder,
    MultiMatchQuery,
    Occur,
)
from numpy.typing import NDArray

from assay.documents import Chunk
from assay.errors import InputError, NotFound, StoreError
from assay.sayable import sayable
from assay.stores.changes import check_changes, check_query
from assay.stores.chunk_codec import decoded, encoded
from assay.stores.index import Change, Dense, Entry, Hit, Inventory, Lexical, Listing, Scope
from assay.stores.lexical import LONGEST_WORD, MOST_TERMS, STOPWORDS, WEIGHTS, place_words
from assay.stores.scoping import access_terms_of, group_terms, is_unicode, metadata_terms_of, where_terms

FLAT_ROWS = 50_000
PROBES = 64
REFINE = 4
"""The best so many times k candidates of the IVF index are compared by their full vectors."""

_COUNTED = 200_000  # words whose counts are kept for one version of the table
_MAINTAIN_EVERY = 64  # applies; until then what is new is found by a slower scan
_BATCH = 1_000
_WORD = re.compile(r"[^\W_]+")
_CHUNK = ["id", "document", "ordinal", "payload", "label"]


class LanceIndex:
    """An ``Index`` in one LanceDB table. Safe for several threads, processes and machines."""

    def __init__(self, uri: str, table: str, dimensions: int) -> None:
        """Opens ``table`` in the database at ``uri`` (a folder, ``s3://...``), or makes it.

        Raises StoreError when it cannot be reached or holds something else.
        """
        self._place, self._name, self._dimensions = f"{uri}/{table}", table, dimensions
        self._applies = 0
        self._counted: tuple[tuple[int, str], dict[str, int]] = ((0, ""), {})
        with self._translated():
            self._database = lancedb.connect(uri, read_consistency_interval=timedelta(0))
            self._table = self._opened()
            found = self._table.schema
        if set(found.names) != set(_schema(dimensions).names):
            raise StoreError(f"{self._place}: is not an index of Assay; name another table")
        if found.field("vector").type.list_size != dimensions:
            raise StoreError(
                f"{self._place}: holds vectors of {found.field('vector').type.list_size} dimensions, "
                f"not {dimensions}; name another table"
            )
        self._make_lexical()

    @property
    def generation(self) -> int:
        with self._translated():
            return int(self._table.version)

    def apply(self, changes: Sequence[Change]) -> None:
        """As the port says; each call is a new version of the table."""
        check_changes(changes, self._dimensions)
        if not changes:
            return
        entries = [entry for change in changes for entry in change.entries]
        mine = f"document IN ({_list(change.document for change in changes)})"
        with self._translated():
            self._refuse_foreign([entry.chunk.id for entry in entries], mine)
            (
                self._table.merge_insert("id")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .when_not_matched_by_source_delete(mine)
                .execute(_rows(entries, self._dimensions))
            )
        self._applies += 1
        if self._applies % _MAINTAIN_EVERY == 0:
            with suppress(StoreError):  # the change itself is committed; another writer may be in the way
                self.optimize()

    def search(self, query: Dense | Lexical) -> list[Hit]:
        if query.k <= 0 or not query.scope.groups:
            return []
        with self._translated():
            if isinstance(query, Dense):
                check_query(query, self._dimensions)
                return self._dense(query)
            return self._lexical(query)

    def read(self, ids: Sequence[str], scope: Scope | None) -> list[Chunk]:
        known: dict[str, Chunk] = {}
        storable = [id for id in ids if is_unicode(id)]
        with self._translated():
            for at in range(0, len(storable), _BATCH):
                wanted = f"id IN ({_list(storable[at : at + _BATCH])})"
                known |= {
                    chunk.id: chunk for chunk in self._chunks(f"{wanted} AND {_condition(scope)}" if scope else wanted)
                }
        return [known[id] for id in ids if id in known]

    def document(self, document: str, scope: Scope) -> list[Chunk]:
        if not is_unicode(document):
            return []
        with self._translated():
            found = self._chunks(f"document = {_literal(document)} AND {_condition(scope)}")
        return sorted(found, key=lambda chunk: (chunk.ordinal, chunk.id))

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        known: dict[str, NDArray[np.float32]] = {}
        storable = [id for id in ids if is_unicode(id)]
        with self._translated():
            for at in range(0, len(storable), _BATCH):
                rows = self._scan(f"id IN ({_list(storable[at : at + _BATCH])})", ["id", "vector"])
                known |= zip(rows["id"].to_pylist(), _matrix(rows["vector"], self._dimensions), strict=True)
        found = np.empty((len(ids), self._dimensions), np.float32)
        for position, id in enumerate(ids):
            if id not in known:
                raise NotFound(f"{self._place}: no chunk {id!r}")
            found[position] = known[id]
        return found

    def frequencies(self, terms: Sequence[str], scope: Scope) -> tuple[int, dict[str, int]]:
        """As the port says. A word that analysis splits counts where all its parts occur; a word of
        which nothing is left counts everywhere."""
        with self._translated():
            version, condition = int(self._table.version), _condition(scope)
            total = int(self._table.count_rows(condition))
            # A count takes milliseconds here, and answers ask for the same words again and again.
            of = (version, condition)
            known = self._counted[1] if self._counted[0] == of else {}
            counts = {
                term: known[term] if term in known else self._frequency(_words(term), total, condition)
                for term in terms
            }
            if len(known) < _COUNTED:
                self._counted = (of, {**known, **counts})
            return total, counts

    def listing(self) -> list[Listing]:
        with self._translated():
            rows = self._scan(None, ["document", "title"]).to_pylist()
        titles = {row["document"]: row["title"] for row in rows}
        chunks = Counter(row["document"] for row in rows)
        return [Listing(document, titles[document], chunks[document]) for document in sorted(titles)]

    def inventory(self) -> Inventory:
        """As the port says. LanceDB does not list a lexical index: with all of them present, every
        row can be found, since rows not yet indexed are scanned; with one missing, none."""
        with self._translated():
            rows = self._scan(None, ["id", "document"])
            ids = rows["id"].to_pylist()
            with_vector = self._scan("vector IS NOT NULL", ["id"])["id"].to_pylist()
            complete = self._lexical_columns() >= set(WEIGHTS)
            return Inventory(
                chunks=dict(zip(ids, rows["document"].to_pylist(), strict=True)),
                vectors=frozenset(with_vector),
                lexical=frozenset(ids if complete else ()),
                generation=int(self._table.version),
            )

    def optimize(self) -> None:
        """Merge small files and bring the indexes up to date; build the IVF index where size asks for it."""
        with self._translated():
            self._table.optimize()
            if self._table.count_rows() >= FLAT_ROWS and not self._has_ivf():
                self._table.create_index("vector", config=IvfSq(distance_type="dot"))

    def refresh(self) -> None:
        """The same as ``optimize``: what the next search, in any process, need not do."""
        self.optimize()
        self._applies = 0

    def repair(self) -> None:
        # Dropped first: building over an index that has seen many changes takes far longer.
        with self._translated():
            for index in self._table.list_indices():
                self._table.drop_index(index.name)
        self._make_lexical()
        self.optimize()

    def drop(self) -> None:
        self._applies = 0
        with self._translated():
            try:
                self._database.drop_table(self._name)
            except ValueError as error:
                if "not found" not in str(error):  # dropped already, here or elsewhere, is what was asked
                    raise

    def close(self) -> None:
        """Also brings the indexes up to date if this object changed them."""
        if self._applies:
            with suppress(StoreError):
                self.refresh()

    def _opened(self) -> lancedb.table.Table:
        """The table whatever its schema, made where it is missing."""
        try:
            return self._database.open_table(self._name)
        except ValueError as error:
            if "not found" not in str(error):
                raise
        return self._database.create_table(self._name, schema=_schema(self._dimensions), exist_ok=True)

    def _dense(self, query: Dense) -> list[Hit]:
        vector = np.asarray(query.vector, np.float32)
        exact = vector.astype(np.float64)
        ivf = self._has_ivf()
        margin = self._dimensions * 2.0**-22

        def fetch(limit: int) -> tuple[pa.Table, list[float]]:
            search = cast(LanceVectorQueryBuilder, self._table.search(vector, query_type="vector"))
            search = search.distance_type("dot")
            search = search.nprobes(PROBES).refine_factor(REFINE) if ivf else search.bypass_vector_index()
            search = search.where(_condition(query.scope), prefilter=True).limit(limit)
            rows = search.select([*_CHUNK, "vector", "_distance"]).to_arrow()
            found = _matrix(rows["vector"], self._dimensions).astype(np.float64)
            return rows, [float(score) for score in (found * exact).sum(axis=1)]

        return _complete(fetch, query.k, margin)

    def _lexical(self, query: Lexical) -> list[Hit]:
        words = _words(query.text)[:MOST_TERMS]
        if not words:
            return []
        question = _anywhere(" ".join(words))

        def fetch(limit: int) -> tuple[pa.Table, list[float]]:
            search = self._table.search(question, query_type="fts")
            search = search.where(_condition(query.scope), prefilter=True).limit(limit)
            rows = search.select([*_CHUNK, "_score"]).to_arrow()
            return rows, [float(score) for score in rows["_score"].to_pylist()]

        return _complete(fetch, query.k, 0.0)

    def _frequency(self, words: Sequence[str], total: int, condition: str) -> int:
        if not words or not total:
            return total
        every: list[tuple[Occur, FullTextQuery]] = [(Occur.MUST, _anywhere(word)) for word in words]
        query = BooleanQuery(every) if len(every) > 1 else every[0][1]
        search = self._table.search(query, query_type="fts").where(condition, prefilter=True)
        return int(search.limit(total).select(["id", "_score"]).to_arrow().num_rows)

    def _refuse_foreign(self, ids: Sequence[str], mine: str) -> None:
        for at in range(0, len(ids), _BATCH):
            condition = f"id IN ({_list(ids[at : at + _BATCH])}) AND NOT ({mine})"
            for row in self._scan(condition, ["id", "document"]).to_pylist():
                raise InputError(
                    f"chunk {row['id']!r} belongs to document {row['document']!r}; ids of chunks are unique"
                )

    def _chunks(self, condition: str) -> list[Chunk]:
        return [_chunk(row) for row in self._scan(condition, _CHUNK).to_pylist()]

    def _scan(self, condition: str | None, columns: list[str]) -> pa.Table:
        search = self._table.search().select(columns)
        if condition is not None:
            search = search.where(condition)
        return search.limit(max(int(self._table.count_rows()), 1)).to_arrow()

    def _make_lexical(self) -> None:
        config = FTS(
            language="English",
            stem=True,
            ascii_folding=True,
            remove_stop_words=STOPWORDS,
            max_token_length=LONGEST_WORD,
            with_position=False,
        )
        with self._translated():
            for column in sorted(set(WEIGHTS) - self._lexical_columns()):
                try:
                    self._table.create_index(column, config=config)
                except (RuntimeError, OSError, ValueError):
                    if column not in self._lexical_columns():  # not made by another process meanwhile
                        raise

    def _lexical_columns(self) -> set[str]:
        return {name for index in self._table.list_indices() if index.index_type == "FTS" for name in index.columns}

    def _has_ivf(self) -> bool:
        return any("vector" in index.columns for index in self._table.list_indices())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, OSError, ValueError, pa.ArrowException) as error:
            first = str(error).strip().splitlines()
            raise StoreError(
                f"{self._place}: {first[0] if first else type(error).__name__}; "
                "check the address, the permissions and the free space"
            ) from error


def _complete(fetch: Callable[[int], tuple[pa.Table, list[float]]], k: int, margin: float) -> list[Hit]:
    """The best ``k`` of what ``fetch(limit)`` finds, best first, equal scores by chunk id.

    LanceDB cuts ties as it likes, and compares in float32: more is asked for until what lies
    beyond is surely worse than the k-th.
    """
    limit = k + 16
    while True:
        rows, scores = fetch(limit)
        ranked = sorted(scores, reverse=True)
        if len(ranked) < limit or ranked[k - 1] - ranked[-1] > margin:
            break
        limit *= 4
    ids = rows["id"].to_pylist()
    best = sorted(range(len(ids)), key=lambda at: (-scores[at], ids[at]))[:k]
    found = rows.take(pa.array(best, pa.int64())).select(_CHUNK).to_pylist()
    return [Hit(_chunk(row), scores[at]) for row, at in zip(found, best, strict=True)]


def _schema(dimensions: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("document", pa.string(), nullable=False),
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("payload", pa.binary(), nullable=False),
            pa.field("label", pa.binary(), nullable=False),
            pa.field("access", pa.list_(pa.string()), nullable=False),
            pa.field("metadata", pa.list_(pa.string()), nullable=False),
            *(pa.field(name, pa.string(), nullable=False) for name in WEIGHTS),
            pa.field("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )


def _rows(entries: Sequence[Entry], dimensions: int) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in _schema(dimensions).names if name != "vector"}
    for entry in entries:
        chunk = entry.chunk
        label, ordinal, payload, _ = encoded(entry)
        row = {
            "id": chunk.id,
            "document": chunk.document,
            "ordinal": ordinal,
            "payload": payload,
            "label": label,
            "access": access_terms_of(chunk),
            "metadata": metadata_terms_of(chunk),
            "title": sayable(chunk.title),
            "headings": sayable("\n".join(h for h in chunk.headings if h != chunk.title)),
            "place": sayable(place_words(chunk.document)),
            "body": sayable(chunk.text),
        }
        for name, value in row.items():
            columns[name].append(value)
    flat = np.concatenate([np.empty(0, np.float32), *(np.asarray(e.vector, np.float32) for e in entries)])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dimensions)
    return pa.table({**columns, "vector": vectors}, schema=_schema(dimensions))


def _chunk(row: dict[str, Any]) -> Chunk:
    return decoded(row["id"], row["document"], row["ordinal"], row["payload"], row["label"])


def _matrix(column: pa.ChunkedArray, dimensions: int) -> NDArray[np.float32]:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), dimensions)


def _condition(scope: Scope) -> str:
    """The scope in SQL, to be applied before the search."""
    parts = [f"array_has_any(access, [{_list(group_terms(scope))}])" if scope.groups else "false"]
    parts += [f"array_has(metadata, {_literal(wanted)})" for wanted in where_terms(scope)]
    if scope.documents is not None:
        documents = [document for document in scope.documents if is_unicode(document)]
        parts.append(f"document IN ({_list(documents)})" if documents else "false")
    return " AND ".join(parts)


def _list(texts: Iterable[str]) -> str:
    return ", ".join(_literal(text) for text in sorted(texts))


def _literal(text: str) -> str:
    """SQL text; standard SQL has no escape but the doubled quote."""
    return "'" + text.replace("'", "''") + "'"


def _anywhere(words: str) -> MultiMatchQuery:
    return MultiMatchQuery(words, list(WEIGHTS), boosts=list(WEIGHTS.values()), operator=FullTextOperator.OR)


def _words(text: str) -> list[str]:
    """The distinct words of a text, as the index's own tokenizer would split it; no query language."""
    found = dict.fromkeys(word.lower() for word in _WORD.findall(sayable(text)))
    return [word for word in found if len(word.encode()) <= LONGEST_WORD]
