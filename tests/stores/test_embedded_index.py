"""The embedded index: the conformance suite, and what a fault may do to its folder."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.documents import PUBLIC
from assay.errors import StoreError
from assay.stores import lexical, matrix
from assay.stores.damage import DamagedIndex
from assay.stores.embedded_index import EmbeddedIndex
from assay.stores.index import Change, Dense, Entry, Index, Lexical, Scope
from assay.stores.lexical_directory import LexicalSnapshot
from assay.testing.index_conformance import (
    DIMENSIONS,
    EVERYONE,
    IndexConformance,
    corpus,
    entries_of,
    entry,
    may_be_found,
    nearest,
    unit,
)


class TestEmbeddedIndex(IndexConformance):
    def open(self, place: Path, dimensions: int) -> Index:
        return EmbeddedIndex(place, dimensions)


def filled(place: Path, documents: int = 40) -> EmbeddedIndex:
    index = EmbeddedIndex(place, DIMENSIONS)
    index.apply(corpus(documents))
    index.refresh()
    return index


def is_right(index: EmbeddedIndex, entries: list[Entry]) -> None:
    """Every part answers as brute force over these entries does."""
    for seed in range(3):
        query = Dense(unit(seed + 900), 9, EVERYONE)
        assert [hit.chunk.id for hit in index.search(query)] == [id for id, _ in nearest(entries, query)]
    for word in ("ferry", "quarry"):
        found = {hit.chunk.id for hit in index.search(Lexical(word, 10_000, EVERYONE))}
        assert found == {e.chunk.id for e in entries if word in e.chunk.text}
    inventory = index.inventory()
    assert set(inventory.chunks) == inventory.vectors == inventory.lexical == {e.chunk.id for e in entries}


# Catching up


def test_small_changes_are_caught_up_without_a_rebuild(tmp_path: Path) -> None:
    index = filled(tmp_path)
    directory, file = (tmp_path / "lexical").stat().st_ino, (tmp_path / "matrix.f32").stat().st_ino
    changes = {change.document: change for change in corpus(40)}
    for n in range(6):
        new = entry(f"new-{n}", f"doc-{n}", text=f"A lantern and ferry number{n}.", access=(PUBLIC,))
        changes[f"doc-{n}"] = Change(f"doc-{n}", (*changes[f"doc-{n}"].entries[n % 3 :], new))
        index.apply([changes[f"doc-{n}"]])
        assert [hit.chunk.id for hit in index.search(Lexical(f"number{n}", 5))] == [f"new-{n}"]
        assert index.search(Dense(new.vector, 1))[0].chunk.id == f"new-{n}"
    is_right(index, entries_of(list(changes.values())))
    assert (tmp_path / "lexical").stat().st_ino == directory
    assert (tmp_path / "matrix.f32").stat().st_ino == file
    index.close()
    again = EmbeddedIndex(tmp_path, DIMENSIONS)
    is_right(again, entries_of(list(changes.values())))
    assert (tmp_path / "lexical").stat().st_ino == directory
    again.close()


def test_large_changes_are_built_anew(tmp_path: Path) -> None:
    index = filled(tmp_path, 400)
    file = (tmp_path / "matrix.f32").stat().st_ino
    directory = (tmp_path / "lexical").stat().st_ino
    changes = [replace(change, entries=change.entries[:1]) for change in corpus(400)]
    index.apply(changes)
    is_right(index, entries_of(changes))
    assert (tmp_path / "matrix.f32").stat().st_ino != file
    assert (tmp_path / "lexical").stat().st_ino != directory
    index.close()


def test_what_is_applied_again_unchanged_costs_no_generation(tmp_path: Path) -> None:
    index = filled(tmp_path)
    generation = index.generation
    index.apply(corpus(40))
    assert index.generation == generation
    index.close()


def test_the_metadata_of_what_was_deleted_is_not_kept(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    index.apply([Change("a", (entry("a1", "a", metadata={"patient": "Jane"}),))])
    index.apply([Change("a")])
    index.close()
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        for table in ("labels", "metadata_terms", "access_terms", "payloads", "vectors"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_another_recipe_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path).close()
    directory = (tmp_path / "lexical").stat().st_ino
    monkeypatch.setattr(lexical, "LEXICAL_REVISION", 99)
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    is_right(index, entries_of(corpus(40)))
    assert (tmp_path / "lexical").stat().st_ino != directory
    index.close()


def test_history_that_was_forgotten_means_a_rebuild(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("DELETE FROM generations WHERE generation < (SELECT max(generation) FROM generations)")
        connection.execute("UPDATE generations SET token = randomblob(16)")
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    is_right(index, entries_of(corpus(40)))
    index.close()


def test_scores_do_not_depend_on_history(tmp_path: Path) -> None:
    one = filled(tmp_path / "one")
    many = EmbeddedIndex(tmp_path / "many", DIMENSIONS)
    for change in corpus(40)[::-1]:
        many.apply([change])
        many.search(Dense(unit(1), 1))
    for seed in range(20):
        query = Dense(unit(seed), 10, EVERYONE)
        assert one.search(query) == many.search(query)
    one.close()
    many.close()


def test_a_scope_does_not_change_lexical_scores(tmp_path: Path) -> None:
    index = filled(tmp_path)
    everything = index.search(Lexical("ferry near more", 10_000, EVERYONE))
    for scope in (Scope(), Scope(where={"lang": "en"}), Scope(documents=frozenset({"doc-0", "doc-2"}))):
        admitted = [hit for hit in everything if may_be_found(scope, hit.chunk)]
        found = index.search(Lexical("ferry near more", 10_000, scope))
        assert [hit.chunk.id for hit in found] == [hit.chunk.id for hit in admitted]
        np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in admitted], rtol=1e-6)
    index.close()


# Damage


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scribbled(path: Path) -> None:
    path.write_bytes(b"\x5a" * path.stat().st_size)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _each_file(damage: Callable[[Path], None]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for path in (folder / "lexical").iterdir():
            if not path.name.endswith(".lock"):
                damage(path)

    return act


def _only(name: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for path in folder.glob(name):
            damage(path)

    return act


def _a_file_instead(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("not a directory")


DAMAGES = {
    "directory missing": _only("lexical", shutil.rmtree),
    "directory empty": _each_file(Path.unlink),
    "a file instead": _only("lexical", _a_file_instead),
    "every file truncated": _each_file(_truncated),
    "every file scribbled": _each_file(_scribbled),
    "meta.json truncated": _only("lexical/meta.json", _truncated),
    "meta.json missing": _only("lexical/meta.json", Path.unlink),
    "terms scribbled": _only("lexical/*.term", _scribbled),
    "postings missing": _only("lexical/*.idx", Path.unlink),
    "fast fields truncated": _only("lexical/*.fast", _truncated),
    "matrix missing": _only("matrix.f32", Path.unlink),
    "matrix truncated": _only("matrix.f32", _truncated),
    "matrix scribbled": _only("matrix.f32", _scribbled),
    "matrix empty": _only("matrix.f32", _emptied),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_derived_parts_heals(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    filled(tmp_path).close()
    damage(tmp_path)
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    is_right(index, entries_of(corpus(40)))
    index.close()
    assert not list(tmp_path.glob("*.new"))
    assert not list(tmp_path.glob("*.old"))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_heals_when_the_index_changes_too(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    filled(tmp_path).close()
    damage(tmp_path)
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    index.apply([Change("doc-7")])
    is_right(index, [e for e in entries_of(corpus(40)) if e.chunk.document != "doc-7"])
    index.close()


def test_a_search_that_finds_damage_builds_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(tmp_path)
    real, calls = LexicalSnapshot.best, []

    def once_damaged(self: LexicalSnapshot, text: str, k: int, scope: Scope | None) -> list[tuple[int, float]]:
        calls.append(text)
        if len(calls) == 1:
            raise DamagedIndex("bit rot")
        return real(self, text, k, scope)

    monkeypatch.setattr(LexicalSnapshot, "best", once_damaged)
    directory = (tmp_path / "lexical").stat().st_ino
    assert index.search(Lexical("ferry", 3))
    assert (tmp_path / "lexical").stat().st_ino != directory
    index.close()


def test_damage_inside_the_matrix_is_named_and_repaired(tmp_path: Path) -> None:
    filled(tmp_path).close()
    path = tmp_path / "matrix.f32"
    data = bytearray(path.read_bytes())
    data[4 * DIMENSIONS * 5 + 3] ^= 0x40
    path.write_bytes(data)
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    inventory = index.inventory()
    assert len(set(inventory.chunks) - inventory.vectors) == 1
    index.repair()
    is_right(index, entries_of(corpus(40)))
    index.close()


def test_a_lost_vector_is_named(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("DELETE FROM vectors WHERE row = 3")
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    index.repair()
    inventory = index.inventory()
    assert len(set(inventory.chunks) - inventory.vectors) == 1
    index.close()


def test_parts_newer_than_a_restored_table_are_not_believed(tmp_path: Path) -> None:
    """A backup of the SQLite file alone: its generation is reached again with other contents."""
    place, backup = tmp_path / "index", tmp_path / "backup.sqlite"
    filled(place).close()
    shutil.copy(place / "index.sqlite", backup)
    index = EmbeddedIndex(place, DIMENSIONS)
    index.apply([Change("doc-1")])
    index.refresh()
    newer = index.generation
    index.close()
    for left in place.glob("index.sqlite*"):
        left.unlink()
    shutil.copy(backup, place / "index.sqlite")
    index = EmbeddedIndex(place, DIMENSIONS)
    is_right(index, entries_of(corpus(40)))
    index.apply([Change("doc-2")])
    assert index.generation == newer
    is_right(index, [e for e in entries_of(corpus(40)) if e.chunk.document != "doc-2"])
    index.close()


def test_a_matrix_that_cannot_be_written_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matrix, "write_matrix", full)
    index = filled(tmp_path)
    is_right(index, entries_of(corpus(40)))
    assert not (tmp_path / "matrix.f32").exists()
    index.close()


def test_a_full_disk_is_told_and_nothing_has_changed(tmp_path: Path) -> None:
    index = filled(tmp_path)
    with index._table._connection() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"index\.sqlite: the disk is full"):
        index.apply([Change("big", tuple(entry(f"b{n}", "big", n, text="long " * 2000) for n in range(50)))])
    is_right(index, entries_of(corpus(40)))
    index.close()


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.sqlite").write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        EmbeddedIndex(tmp_path / "a", DIMENSIONS)
    (tmp_path / "b").mkdir()
    with sqlite3.connect(tmp_path / "b/index.sqlite") as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
    with pytest.raises(StoreError, match="something else"):
        EmbeddedIndex(tmp_path / "b", DIMENSIONS)
    with sqlite3.connect(tmp_path / "b/index.sqlite") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("accounts",)]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        EmbeddedIndex(tmp_path / "file", DIMENSIONS)


def test_another_size_or_version_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with pytest.raises(StoreError, match="16 dimensions, not 32"):
        EmbeddedIndex(tmp_path, 32)
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="upgrade Assay"):
        EmbeddedIndex(tmp_path, DIMENSIONS)


def test_drop_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    index = filled(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    index.drop()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# Several processes

_WORKER = """
import sys
from pathlib import Path
import numpy as np
from assay.documents import Chunk
from assay.stores.embedded_index import EmbeddedIndex
from assay.stores.index import Change, Dense, Entry, Lexical

place, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
vectors = np.random.default_rng(sum(name.encode())).standard_normal((8, 16)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
index = EmbeddedIndex(place, 16)
for n in range(rounds):
    text = f"walrus {name} version{n}"
    entries = [Entry(Chunk(f"{name}-{i}", name, i, 0, len(text), text, name), vectors[i]) for i in range(8)]
    index.apply([Change(name, tuple(entries))])
    print(n, flush=True)
    for query in (Dense(vectors[0], 1), Lexical(name, 1)):
        (hit,) = index.search(query)
        assert hit.chunk.text == text, (hit.chunk.text, n)
index.close()
"""


def worker(place: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(place), name, str(rounds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_two_processes_write_and_search_at_once(tmp_path: Path) -> None:
    EmbeddedIndex(tmp_path, DIMENSIONS).close()
    workers = [worker(tmp_path, name, 5) for name in ("alpha", "beta")]
    for process in workers:
        _, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, complaints
    index = EmbeddedIndex(tmp_path, DIMENSIONS)
    inventory = index.inventory()
    assert set(inventory.chunks) == inventory.vectors == inventory.lexical
    assert sorted(inventory.chunks.values()) == ["alpha"] * 8 + ["beta"] * 8
    assert {hit.chunk.text for hit in index.search(Lexical("walrus", 99))} == {
        "walrus alpha version4",
        "walrus beta version4",
    }
    index.close()


def test_two_instances_derive_at_once(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for path in (tmp_path / "matrix.f32",):
        path.unlink()
    shutil.rmtree(tmp_path / "lexical")
    indexes = [EmbeddedIndex(tmp_path, DIMENSIONS) for _ in range(4)]
    found: list[object] = []

    def search(index: EmbeddedIndex) -> None:
        hits = index.search(Lexical("ferry", 9, EVERYONE)), index.search(Dense(unit(1), 9, EVERYONE))
        found.append([[hit.chunk.id for hit in each] for each in hits])

    threads = [threading.Thread(target=search, args=(index,)) for index in indexes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(each == found[0] for each in found)
    for index in indexes:
        index.close()


def kill_and_check(place: Path, seed: int) -> None:
    """Kill a writer at a random moment; whatever was acknowledged is there, whole, and can be found."""
    chance = random.Random(seed)
    process = worker(place, "alpha", 1000)
    assert process.stdout is not None
    last = -1
    for _ in range(chance.randint(1, 5)):
        last = int(process.stdout.readline())
    try:
        process.wait(timeout=chance.random() * 0.2)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged = max([last, *(int(line) for line in rest.split("\n")[:-1])])
    index = EmbeddedIndex(place, DIMENSIONS)
    (text,) = {chunk.text for chunk in index.document("alpha", Scope())}
    assert int(text.rpartition("version")[2]) in (acknowledged, acknowledged + 1)
    hits = index.search(Lexical("walrus", 99)), index.search(Dense(unit(1), 99, EVERYONE))
    assert [{hit.chunk.text for hit in each if hit.chunk.document == "alpha"} for each in hits] == [{text}] * 2
    inventory = index.inventory()
    assert set(inventory.chunks) == inventory.vectors == inventory.lexical
    assert len(inventory.chunks) == 8 + 160
    best = index.search(Dense(index.vectors(["alpha-3"])[0], 1))[0]
    assert (best.chunk.id, round(best.score, 5)) == ("alpha-3", 1)
    index.close()


def test_a_killed_writer_leaves_a_whole_index(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for seed in range(3):
        kill_and_check(tmp_path, seed)


@pytest.mark.slow
def test_many_killed_writers_leave_a_whole_index(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for seed in range(100, 160):
        kill_and_check(tmp_path, seed)


_BUILDER = """
import sys
from pathlib import Path
from assay.stores.embedded_index import EmbeddedIndex

index = EmbeddedIndex(Path(sys.argv[1]), 16)
print("ready", flush=True)
while True:
    index.repair()
"""


def kill_builder(place: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _BUILDER, str(place)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        process.wait(timeout=random.Random(seed).random() * 0.3)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    index = EmbeddedIndex(place, DIMENSIONS)
    is_right(index, entries_of(corpus(40)))
    index.close()


def test_a_killed_builder_leaves_a_whole_index(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for seed in range(2):
        kill_builder(tmp_path, seed)


@pytest.mark.slow
def test_many_killed_builders_leave_a_whole_index(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for seed in range(100, 160):
        kill_builder(tmp_path, seed)
