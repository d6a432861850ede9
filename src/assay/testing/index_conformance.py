"""What every Index must do. A test class inherits this and says how to open one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.documents import PUBLIC, Chunk, Scalar
from assay.errors import InputError, NotFound
from assay.stores.index import Change, Dense, Entry, Index, Lexical, Listing, Scope

DIMENSIONS = 16

ANYONE = Scope()
EVERYONE = Scope(groups=frozenset({PUBLIC, "staff", "o'brien", "legal"}))

_ACCESS = ((PUBLIC,), ("staff",), (PUBLIC, "staff"), ("o'brien",), ("legal", "staff"))
_METADATA: tuple[dict[str, Scalar], ...] = (
    {},
    {"lang": "en"},
    {"lang": "de", "year": 1},
    {"lang": "en", "year": 1.0},
    {"year": True, "quo'te": "it's"},
    {"year": "1", "lang": ""},
)
_SUBJECTS = ("ferry", "glacier", "harbour", "lantern", "meadow", "orchard", "quarry")


def unit(seed: int, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """A unit vector that is the same for the same seed."""
    vector = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def entry(
    id: str, document: str, ordinal: int = 0, *, text: str = "", seed: int | None = None, **rest: object
) -> Entry:
    """A chunk with a vector that follows from its id, or from ``seed``."""
    text = text or f"About the {_SUBJECTS[ordinal % len(_SUBJECTS)]} in {document}."
    chunk = Chunk(id, document, ordinal, ordinal * 100, ordinal * 100 + len(text), text, f"Title of {document}")
    number = sum(id.encode()) * 1009 + ordinal if seed is None else seed
    return Entry(replace(chunk, **rest), unit(number))  # type: ignore[arg-type]


def corpus(documents: int = 30, chunks: int = 4) -> list[Change]:
    """Documents with every mixture of access groups and metadata."""
    return [
        Change(
            f"doc-{n}",
            tuple(
                entry(
                    f"doc-{n}#{i}",
                    f"doc-{n}",
                    i,
                    seed=n * chunks + i,
                    text=f"The {_SUBJECTS[(n + i) % 7]} near the {_SUBJECTS[(n * i) % 7]}. " + "More of it. " * (n % 5),
                    access=_ACCESS[n % len(_ACCESS)],
                    metadata=_METADATA[n % len(_METADATA)],
                )
                for i in range(chunks)
            ),
        )
        for n in range(documents)
    ]


def entries_of(changes: Sequence[Change]) -> list[Entry]:
    return [entry for change in changes for entry in change.entries]


def may_be_found(scope: Scope, chunk: Chunk) -> bool:
    """The rule of a scope, said again without the index's own code."""

    def same(left: Scalar, right: Scalar) -> bool:
        if isinstance(left, bool) or isinstance(right, bool) or isinstance(left, str) or isinstance(right, str):
            return type(left) is type(right) and left == right
        return left == right

    return (
        bool(scope.groups & set(chunk.access))
        and all(key in chunk.metadata and same(chunk.metadata[key], value) for key, value in scope.where.items())
        and (scope.documents is None or chunk.document in scope.documents)
    )


def nearest(entries: Sequence[Entry], query: Dense) -> list[tuple[str, float]]:
    """What a dense search must find: ids and cosines, by brute force."""
    scored = [
        (-float(e.vector.astype(np.float64) @ query.vector.astype(np.float64)), e.chunk.id)
        for e in entries
        if may_be_found(query.scope, e.chunk)
    ]
    return [(id, -negated) for negated, id in sorted(scored)[: query.k]]


scopes = st.builds(
    Scope,
    groups=st.frozensets(st.sampled_from([PUBLIC, "staff", "o'brien", "legal", "nobody", ""]), max_size=3),
    where=st.dictionaries(
        st.sampled_from(["lang", "year", "quo'te", "none"]),
        st.sampled_from(["en", "de", "", "1", 1, 1.0, 0, True, "it's"]),
        max_size=2,
    ),
    documents=st.none() | st.frozensets(st.integers(0, 40).map("doc-{}".format), max_size=6),
)


def check_scope(index: Index, entries: Sequence[Entry], scope: Scope, seed: int, k: int) -> None:
    """Whether every kind of query finds, in this scope, what filtering everything by hand leaves."""
    dense = Dense(unit(seed), k, scope)
    assert [hit.chunk.id for hit in index.search(dense)] == [id for id, _ in nearest(entries, dense)]
    word = _SUBJECTS[seed % 7]
    having = {e.chunk.id for e in entries if word in e.chunk.text and may_be_found(scope, e.chunk)}
    ranked = index.search(Lexical(word, len(entries), scope))
    assert {hit.chunk.id for hit in ranked} == having
    assert ranked == sorted(ranked, key=lambda hit: (-hit.score, hit.chunk.id))
    assert index.search(Lexical(word, k, scope)) == ranked[:k]
    ids = [e.chunk.id for e in entries[:: seed % 7 + 1]]
    by_id = {e.chunk.id: e.chunk for e in entries}
    assert index.read(ids, scope) == [by_id[id] for id in ids if may_be_found(scope, by_id[id])]
    one = f"doc-{seed % 35}"
    mine = [e.chunk for e in entries if e.chunk.document == one and may_be_found(scope, e.chunk)]
    assert index.document(one, scope) == mine


class IndexConformance(ABC):
    """Inherit, define ``open``, and pytest runs the rest; every test has a fresh ``place``."""

    @abstractmethod
    def open(self, place: Path, dimensions: int) -> Index:
        """The index kept at ``place``, made if it is not there; opened again, it is the same index."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "index"

    @pytest.fixture
    def index(self, place: Path) -> Iterator[Index]:
        index = self.open(place, DIMENSIONS)
        yield index
        index.close()

    # Changes

    def test_an_empty_index_finds_nothing(self, index: Index) -> None:
        assert index.search(Dense(unit(1), 5)) == []
        assert index.search(Lexical("anything", 5)) == []
        assert index.read(["x"], ANYONE) == []
        assert index.document("x", ANYONE) == []
        assert index.vectors([]).shape == (0, DIMENSIONS)
        assert index.frequencies(["x"], ANYONE) == (0, {"x": 0})
        assert not index.inventory().chunks

    def test_a_chunk_comes_back_as_it_was(self, index: Index) -> None:
        chunk = Chunk(
            id="ä'\"c1",
            document="dir/naïve — 文.md",
            ordinal=3,
            start=17,
            end=90,
            text="Line one\n\ttab \u2028 emoji 😀 NUL \0 half \ud800 end",
            title='Title\'s "quote"',
            headings=("One", "Two › three", ""),
            page="iv",
            access=("staff", PUBLIC),
            metadata={"n": 1, "f": 1.5, "t": True, "s": "x\x1fy", "e": ""},
        )
        index.apply([Change(chunk.document, (Entry(chunk, unit(5)),))])
        assert index.read([chunk.id], ANYONE) == [chunk]
        assert index.document(chunk.document, ANYONE) == [chunk]
        assert [hit.chunk for hit in index.search(Dense(unit(5), 1))] == [chunk]
        assert [hit.chunk for hit in index.search(Lexical("emoji", 1))] == [chunk]
        found = index.read([chunk.id], ANYONE)[0]
        assert {key: type(value) for key, value in found.metadata.items()} == {
            key: type(value) for key, value in chunk.metadata.items()
        }

    def test_a_change_replaces_all_entries_of_its_document(self, index: Index) -> None:
        index.apply(
            [Change("a", (entry("a1", "a"), entry("a2", "a", 1))), Change("b", (entry("b1", "b", text="untouched"),))]
        )
        index.apply([Change("a", (entry("a2", "a", 0, text="rewritten zebra"), entry("a3", "a", 1)))])
        assert [chunk.id for chunk in index.document("a", ANYONE)] == ["a2", "a3"]
        assert index.read(["a1"], ANYONE) == []
        assert index.read(["a2"], ANYONE)[0].text == "rewritten zebra"
        assert [hit.chunk.id for hit in index.search(Lexical("zebra", 5))] == ["a2"]
        assert {hit.chunk.id for hit in index.search(Dense(unit(0), 9))} == {"a2", "a3", "b1"}
        assert [hit.chunk.id for hit in index.search(Lexical("untouched", 5))] == ["b1"]

    def test_a_change_without_entries_removes_the_document(self, index: Index) -> None:
        index.apply([Change("a", (entry("a1", "a", text="secret walrus"),)), Change("b", (entry("b1", "b"),))])
        index.search(Lexical("walrus", 5))
        index.search(Dense(unit(0), 5))
        index.apply([Change("a"), Change("never there")])
        assert index.search(Lexical("walrus", 5)) == []
        assert {hit.chunk.id for hit in index.search(Dense(unit(0), 9))} == {"b1"}
        assert index.document("a", ANYONE) == []
        inventory = index.inventory()
        assert dict(inventory.chunks) == {"b1": "b"}
        assert inventory.vectors == inventory.lexical == {"b1"}
        with pytest.raises(NotFound):
            index.vectors(["a1"])

    def test_applied_again_nothing_is_different(self, index: Index) -> None:
        changes = corpus(8)
        index.apply(changes)
        before, hits = index.inventory(), index.search(Lexical("ferry", 9))
        index.apply(changes)
        after = index.inventory()
        assert (after.chunks, after.vectors, after.lexical) == (before.chunks, before.vectors, before.lexical)
        assert index.search(Lexical("ferry", 9)) == hits

    def test_a_chunk_may_move_between_documents_in_one_apply(self, index: Index) -> None:
        index.apply([Change("a", (entry("x", "a"),))])
        index.apply([Change("b", (entry("x", "b"),)), Change("a")])
        assert dict(index.inventory().chunks) == {"x": "b"}

    def test_access_and_metadata_change_with_the_document(self, index: Index) -> None:
        index.apply([Change("a", (entry("a1", "a", text="walrus", metadata={"v": 1}),))])
        index.search(Lexical("walrus", 1))
        index.apply([Change("a", (entry("a1", "a", text="walrus", access=("staff",), metadata={"v": 2}),))])
        for query in (Dense(unit(1), 5), Lexical("walrus", 5)):
            assert index.search(query) == []
            staff = replace(query, scope=Scope(groups=frozenset({"staff"}), where={"v": 2}))
            assert [hit.chunk.id for hit in index.search(staff)] == ["a1"]

    @pytest.mark.parametrize(
        "changes",
        [
            [Change("a", (entry("a1", "b"),))],
            [Change("a", (entry("a1", "a"), entry("a1", "a")))],
            [Change("a"), Change("a")],
            [Change("a", (entry("kept1", "a"),))],
            [Change("a", (Entry(entry("a1", "a").chunk, unit(1, DIMENSIONS + 1)),))],
            [Change("a", (Entry(entry("a1", "a").chunk, np.zeros(DIMENSIONS, np.float32)),))],
            [Change("a", (Entry(entry("a1", "a").chunk, np.full(DIMENSIONS, np.nan, np.float32)),))],
            [Change("a", (entry("a1", "a", metadata={"x": float("inf")}),))],
        ],
    )
    def test_what_cannot_be_held_is_refused_whole(self, index: Index, changes: list[Change]) -> None:
        index.apply([Change("kept", (entry("kept1", "kept"),))])
        before = index.inventory()
        with pytest.raises(InputError):
            index.apply([Change("good", (entry("good1", "good"),)), *changes])
        assert index.inventory() == before

    def test_the_generation_grows_and_a_second_instance_sees_it(self, index: Index, place: Path) -> None:
        second = self.open(place, DIMENSIONS)
        seen = [index.generation]
        for n in range(3):
            index.apply([Change("a", (entry("a1", "a", text=f"walrus number{n}"),))])
            seen.append(index.generation)
            assert second.generation == index.generation
            assert [hit.chunk.id for hit in second.search(Lexical(f"number{n}", 5))] == ["a1"]
            assert [hit.chunk.text for hit in second.search(Dense(unit(1), 1))] == [f"walrus number{n}"]
        assert seen == sorted(set(seen))
        second.apply([Change("a")])
        assert index.search(Dense(unit(1), 1)) == []
        assert index.search(Lexical("walrus", 1)) == []
        second.close()

    def test_everything_is_there_after_reopening(self, place: Path) -> None:
        first = self.open(place, DIMENSIONS)
        first.apply(corpus(10))
        dense, lexical, inventory = (
            first.search(Dense(unit(3), 9)),
            first.search(Lexical("ferry", 9)),
            first.inventory(),
        )
        first.close()
        again = self.open(place, DIMENSIONS)
        assert again.search(Dense(unit(3), 9)) == dense
        assert [hit.chunk.id for hit in again.search(Lexical("ferry", 9))] == [hit.chunk.id for hit in lexical]
        assert again.inventory().chunks == inventory.chunks
        again.close()

    # Dense search

    def test_dense_search_is_exact(self, index: Index) -> None:
        changes = corpus(60)
        index.apply(changes)
        index.search(Dense(unit(0), 1))
        changed = corpus(75)[20:]
        index.apply([Change("doc-3"), *changed])
        entries = [e for e in entries_of([*changes[:20], *changed]) if e.chunk.document != "doc-3"]
        for seed in range(500, 520):
            query = Dense(unit(seed), 7, EVERYONE)
            found = [(hit.chunk.id, hit.score) for hit in index.search(query)]
            expected = nearest(entries, query)
            assert [id for id, _ in found] == [id for id, _ in expected]
            np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-6)

    @pytest.mark.parametrize("k", [0, 1, 5, 10_000])
    def test_k_is_the_most(self, index: Index, k: int) -> None:
        index.apply(corpus(5))
        assert len(index.search(Dense(unit(0), k, EVERYONE))) == min(k, 20)
        assert len(index.search(Lexical("title", k, EVERYONE))) == min(k, 20)

    def test_equal_scores_are_in_order_of_id_also_where_k_cuts(self, index: Index) -> None:
        same = [entry(f"t{n * 37 % 100:02}", "same", n, text="walrus", seed=7) for n in range(100)]
        index.apply([Change("same", tuple(same))])
        index.apply([Change("other", tuple(entry(f"o{n}", "other", n, text="seal") for n in range(20)))])
        for k in (1, 10, 64):
            for query in (Dense(unit(7), k), Lexical("walrus", k)):
                assert [hit.chunk.id for hit in index.search(query)] == [f"t{n:02}" for n in range(k)]

    def test_a_query_of_another_size_is_refused(self, index: Index) -> None:
        with pytest.raises(InputError):
            index.search(Dense(unit(1, DIMENSIONS * 2), 5))

    # Lexical search

    def test_lexical_search_finds_words_in_every_form_and_field(self, index: Index) -> None:
        index.apply(
            [
                Change("a", (entry("a1", "a", text="Refunds are paid within fourteen days."),)),
                Change("b", (entry("b1", "b", text="The café keeps running all night."),)),
                Change("c", (entry("c1", "c", text="Nothing here.", title="Widgets", headings=("Zeppelin care",)),)),
            ]
        )
        for question, expected in (
            ("refund", "a1"),
            ("How do I get a REFUND paid?", "a1"),
            ("cafe", "b1"),
            ("Cafés run", "b1"),
            ("widget", "c1"),
            ("zeppelins", "c1"),
        ):
            assert [hit.chunk.id for hit in index.search(Lexical(question, 1))] == [expected], question

    def test_rarer_and_more_matches_come_first(self, index: Index) -> None:
        filler = [entry(f"f{n}", "filler", n, text="common words about nothing much") for n in range(20)]
        index.apply(
            [
                Change("filler", tuple(filler)),
                Change("a", (entry("both", "a", text="common narwhal tusk words"),)),
                Change("b", (entry("one", "b", text="common narwhal words about"),)),
            ]
        )
        hits = index.search(Lexical("common narwhal tusk", 30))
        assert [hit.chunk.id for hit in hits[:2]] == ["both", "one"]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(hit.score > 0 for hit in hits)

    @pytest.mark.parametrize(
        "text",
        [
            '"walrus',
            "walrus AND (",
            "body:walrus~2^5",
            "[b TO c] {x} walrus",
            "wal* -walrus +walrus",
            "\\ walrus",
            "walrus' OR 1=1 --",
            "NUL\0 walrus",
            "half \ud800 walrus",
            "😀 文字 walrus",
            "walrus " * 5000,
        ],
    )
    def test_no_character_has_a_meaning(self, index: Index, text: str) -> None:
        index.apply([Change("a", (entry("a1", "a", text="the walrus"), entry("a2", "a", 1, text="one seal")))])
        assert [hit.chunk.id for hit in index.search(Lexical(text, 5))] == ["a1"]

    @pytest.mark.parametrize("text", ["", " \n", "?!", "\\", "😀", "x" * 100_000])
    def test_a_question_without_a_known_word_finds_nothing(self, index: Index, text: str) -> None:
        index.apply([Change("a", (entry("a1", "a", text="the walrus"),))])
        assert index.search(Lexical(text, 5)) == []

    def test_a_very_long_question_is_answered(self, index: Index) -> None:
        index.apply([Change("a", (entry("a1", "a", text="the walrus"),))])
        question = "walrus " + " ".join(f"word{n}" for n in range(3000))
        assert [hit.chunk.id for hit in index.search(Lexical(question, 5))] == ["a1"]

    def test_any_text_is_a_question(self, index: Index) -> None:
        index.apply([Change("a", (entry("a1", "a", text="the walrus"), entry("a2", "a", 1, text="one seal")))])

        @settings(max_examples=40, deadline=None)
        @given(text=st.text(max_size=40))
        def check(text: str) -> None:
            assert "a1" in {hit.chunk.id for hit in index.search(Lexical(f"{text} walrus {text}", 5))}

        check()

    def test_frequencies_count_chunks_by_the_same_analysis(self, index: Index) -> None:
        index.apply(
            [
                Change("a", (entry("a1", "a", text="Running foxes run"), entry("a2", "a", 1, text="a fox sleeps"))),
                Change("b", (entry("b1", "b", text="e-mail only", headings=("Fox",)), entry("b2", "b", 1, text="e"))),
            ]
        )
        index.search(Lexical("fox", 1))
        index.apply([Change("c", (entry("c1", "c", text="fox"),))])
        index.search(Lexical("fox", 1))
        index.apply([Change("c")])
        total, found = index.frequencies(["fox", "Foxes", "runs", "e-mail", "absent", "?!"], ANYONE)
        assert total == 4
        assert found == {"fox": 3, "Foxes": 3, "runs": 1, "e-mail": 1, "absent": 0, "?!": 4}

    def test_frequencies_count_only_what_a_reader_may_see(self, index: Index) -> None:
        index.apply(
            [
                Change("a", (entry("a1", "a", text="fox and hen"),)),
                Change("s", (entry("s1", "s", text="fox secret", access=("board",)),)),
            ]
        )
        assert index.frequencies(["fox", "secret"], ANYONE) == (1, {"fox": 1, "secret": 0})
        board = Scope(ANYONE.groups | {"board"})
        assert index.frequencies(["fox", "secret"], board) == (2, {"fox": 2, "secret": 1})

    # Scope

    def test_a_scope_is_part_of_the_query(self, index: Index) -> None:
        changes = corpus()
        index.apply(changes)
        entries = entries_of(changes)

        @settings(max_examples=60, deadline=None)
        @given(scope=scopes, seed=st.integers(0, 1000), k=st.sampled_from([1, 3, 10, 200]))
        def check(scope: Scope, seed: int, k: int) -> None:
            check_scope(index, entries, scope, seed, k)

        check()

    def test_every_group_named_is_found_by_one_of_many(self, index: Index) -> None:
        index.apply([Change("a", (entry("a1", "a", access=("g7",)),)), Change("b", (entry("b1", "b", access=("x",)),))])
        many = Scope(groups=frozenset(f"g{n}" for n in range(1500)))
        assert [hit.chunk.id for hit in index.search(Dense(unit(1), 5, many))] == ["a1"]
        assert [hit.chunk.id for hit in index.search(Lexical("title", 5, many))] == ["a1"]

    def test_long_and_odd_values_filter_exactly(self, index: Index) -> None:
        values = ["x" * 70_000, "x" * 70_000 + "y", "it's \\ %_", "", " ", "\x1f", "a\x1fb", "[1]"]
        index.apply(
            [Change(f"d{n}", (entry(f"c{n}", f"d{n}", metadata={"k": value}),)) for n, value in enumerate(values)]
        )
        for n, value in enumerate(values):
            scope = Scope(where={"k": value})
            assert [hit.chunk.id for hit in index.search(Dense(unit(1), 9, scope))] == [f"c{n}"]
            assert [hit.chunk.id for hit in index.search(Lexical("title", 9, scope))] == [f"c{n}"]

    # Reading

    def test_chunks_are_read_in_the_order_asked(self, index: Index) -> None:
        index.apply(corpus(4))
        ids = ["doc-2#1", "absent", "doc-0#3", "doc-0#0", "half \ud800"]
        assert [chunk.id for chunk in index.read(ids, EVERYONE)] == ["doc-2#1", "doc-0#3", "doc-0#0"]
        many = [f"no-{n}" for n in range(5000)] + ids
        assert [chunk.id for chunk in index.read(many, EVERYONE)] == ["doc-2#1", "doc-0#3", "doc-0#0"]

    def test_a_document_is_read_in_order_of_its_chunks(self, index: Index) -> None:
        index.apply([Change("a", tuple(entry(f"a{n}", "a", 11 - n) for n in range(12)))])
        assert [chunk.ordinal for chunk in index.document("a", ANYONE)] == list(range(12))

    def test_vectors_are_those_that_were_given(self, index: Index) -> None:
        changes = corpus(5)
        index.apply(changes)
        entries = entries_of(changes)[::-2]
        found = index.vectors([e.chunk.id for e in entries])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.stack([e.vector for e in entries]))
        with pytest.raises(NotFound):
            index.vectors(["doc-0#0", "absent"])

    def test_the_listing_names_every_document(self, index: Index) -> None:
        assert index.listing() == []
        changes = corpus(12)
        index.apply([*changes, Change("a", (entry("a1", "a", title="Naïve"),))])
        index.apply([Change("doc-3"), Change("doc-4", changes[4].entries[:1])])
        expected = [Listing(c.document, f"Title of {c.document}", 4) for c in changes if c.document != "doc-3"]
        expected = [replace(line, chunks=1) if line.document == "doc-4" else line for line in expected]
        expected.append(Listing("a", "Naïve", 1))
        assert index.listing() == sorted(expected, key=lambda line: line.document)

    def test_the_inventory_names_every_chunk_on_each_side(self, index: Index) -> None:
        changes = corpus(12)
        index.apply(changes)
        inventory = index.inventory()
        assert dict(inventory.chunks) == {e.chunk.id: e.chunk.document for e in entries_of(changes)}
        assert inventory.vectors == inventory.lexical == frozenset(inventory.chunks)
        assert inventory.generation == index.generation

    # Life

    def test_threads_search_while_one_applies(self, index: Index) -> None:
        """Every search sees a whole state: version n of each document, never a mixture of one document's."""

        def version(n: int) -> list[Change]:
            return [
                Change(d, tuple(entry(f"{d}{i}", d, i, text=f"walrus version{n}", seed=i) for i in range(3)))
                for d in ("a", "b")
            ]

        index.apply(version(0))

        def reads(thread: int) -> None:
            for _ in range(15):
                query = Dense(unit(thread), 6) if thread % 2 else Lexical("walrus", 6)
                hits = index.search(query)
                assert len(hits) == 6
                assert len({hit.chunk.text for hit in hits}) == 1
                assert len({chunk.text for chunk in index.document("a", ANYONE)}) == 1

        with ThreadPoolExecutor(5) as pool:
            readers = [pool.submit(reads, thread) for thread in range(4)]
            for n in range(1, 12):
                index.apply(version(n))
            for reader in readers:
                reader.result()
        assert {hit.chunk.text for hit in index.search(Lexical("walrus", 6))} == {"walrus version11"}

    def test_repair_changes_nothing_that_was_right(self, index: Index) -> None:
        index.apply(corpus(10))
        dense, lexical, inventory = (
            index.search(Dense(unit(3), 9)),
            index.search(Lexical("ferry", 9)),
            index.inventory(),
        )
        index.repair()
        assert index.search(Dense(unit(3), 9)) == dense
        assert {hit.chunk.id for hit in index.search(Lexical("ferry", 99))} >= {hit.chunk.id for hit in lexical}
        after = index.inventory()
        assert (after.chunks, after.vectors, after.lexical) == (inventory.chunks, inventory.vectors, inventory.lexical)

    def test_dropped_it_is_gone_and_can_be_made_anew(self, place: Path) -> None:
        index = self.open(place, DIMENSIONS)
        index.apply(corpus(3))
        index.search(Lexical("ferry", 3))
        index.search(Dense(unit(1), 3))
        index.drop()
        index.close()
        again = self.open(place, DIMENSIONS)
        assert not again.inventory().chunks
        again.apply(corpus(2))
        assert len(again.search(Dense(unit(1), 99, EVERYONE))) == 8
        again.drop()
        again.close()
