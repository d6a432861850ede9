from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, String, Table, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from assay.errors import StoreError
from assay.stores import blobs, database, embeddings, traces
from assay.stores.database import Database, insert_missing, schema

ROOM = schema("room", 1)
COUNTERS = Table("counters", ROOM, Column("name", String, primary_key=True), Column("n", Integer, nullable=False))


@pytest.fixture
def opened(tmp_path: Path) -> Database:
    opened = Database.at(tmp_path / "deep" / "state é ?#.db")
    opened.ensure(ROOM)
    return opened


def test_what_is_written_is_read(opened: Database) -> None:
    with opened.write() as connection:
        connection.execute(insert(COUNTERS).values(name="a", n=1))
    again = Database.at(Path(opened.place))
    again.ensure(ROOM)
    with again.read() as connection:
        assert connection.execute(select(COUNTERS)).all() == [("a", 1)]


def test_sqlite_is_set_up_as_documented(opened: Database) -> None:
    with opened.read() as connection:
        settings = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 1, 1, 30_000]


def test_an_exception_rolls_back(opened: Database) -> None:
    def fail() -> None:
        with opened.write() as connection:
            connection.execute(insert(COUNTERS).values(name="a", n=1))
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fail()
    with opened.read() as connection:
        assert connection.execute(select(COUNTERS)).all() == []


def test_a_reader_sees_one_snapshot(opened: Database) -> None:
    with opened.read() as reading:
        assert reading.execute(select(COUNTERS)).all() == []
        with opened.write() as writing:
            writing.execute(insert(COUNTERS).values(name="a", n=1))
        assert reading.execute(select(COUNTERS)).all() == []
    with opened.read() as reading:
        assert len(reading.execute(select(COUNTERS)).all()) == 1


def test_writers_that_read_first_do_not_lose_updates(opened: Database) -> None:
    with opened.write() as connection:
        connection.execute(insert(COUNTERS).values(name="a", n=0))

    def add(_: int) -> None:
        with opened.write() as connection:
            n = connection.execute(select(COUNTERS.c.n)).scalar_one()
            connection.execute(update(COUNTERS).values(n=n + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(120)))
    with opened.read() as connection:
        assert connection.execute(select(COUNTERS.c.n)).scalar_one() == 120


def test_insert_missing_leaves_what_is_there(opened: Database) -> None:
    with opened.write() as connection:
        insert_missing(connection, COUNTERS, [{"name": "a", "n": 1}])
        insert_missing(connection, COUNTERS, [{"name": "a", "n": 2}, {"name": "b", "n": 3}])
        insert_missing(connection, COUNTERS, [])
    with opened.read() as connection:
        assert connection.execute(select(COUNTERS).order_by("name")).all() == [("a", 1), ("b", 3)]


def test_a_violated_constraint_is_the_callers_to_judge(opened: Database) -> None:
    with opened.write() as connection:
        connection.execute(insert(COUNTERS).values(name="a", n=1))
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(insert(COUNTERS).values(name="a", n=2))
    with opened.read() as connection:
        assert connection.execute(select(COUNTERS.c.n)).scalar_one() == 1


def test_ensure_again_is_harmless_and_a_new_room_is_added(opened: Database) -> None:
    opened.ensure(ROOM)
    other = schema("other", 7)
    Table("others", other, Column("id", Integer, primary_key=True))
    opened.ensure(other)
    with opened.read() as connection:
        assert connection.execute(text("SELECT room, version FROM assay_schemas ORDER BY room")).all() == [
            ("other", 7),
            ("room", 1),
        ]


def test_a_newer_file_is_refused(opened: Database) -> None:
    with opened.write() as connection:
        connection.execute(text("UPDATE assay_schemas SET version = 2"))
    with pytest.raises(StoreError, match=r"state .*version 2.*upgrade Assay"):
        opened.ensure(ROOM)


def test_an_older_file_is_refused(opened: Database) -> None:
    newer = schema("room", 2)
    with pytest.raises(StoreError, match=r"version 1.*migrate"):
        opened.ensure(newer)


# Faults, each named with its mend


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary, " * 200)
    with pytest.raises(StoreError, match=r"notes\.txt: it is not a database; name another file"):
        Database.at(tmp_path / "notes.txt").ensure(ROOM)


def test_a_full_disk(opened: Database) -> None:
    with opened.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    def fill() -> None:
        with opened.write() as connection:
            connection.execute(insert(COUNTERS), [{"name": f"{n} " * 200, "n": n} for n in range(200)])

    with pytest.raises(StoreError, match="the disk is full; free some space"):
        fill()
    with opened.read() as connection:
        assert connection.execute(select(COUNTERS)).all() == []


def test_a_read_only_file(opened: Database) -> None:
    with opened.read() as connection:
        connection.execute(text("PRAGMA query_only = ON"))

    def change() -> None:
        with opened.write() as connection:
            connection.execute(insert(COUNTERS).values(name="a", n=1))

    with pytest.raises(StoreError, match="cannot be written; grant write permission"):
        change()


def test_a_lock_that_is_never_released(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    impatient = Database.at(Path(opened.place))
    impatient.ensure(ROOM)

    def change() -> None:
        with impatient.write() as connection:
            connection.execute(insert(COUNTERS).values(name="a", n=1))

    with opened.write(), pytest.raises(StoreError, match="another process has kept it locked"):
        change()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("state.db", "below/state.db"):
        with pytest.raises(StoreError, match="a file stands where a folder is needed"):
            Database.at(tmp_path / "file" / place).ensure(ROOM)
    with pytest.raises(StoreError, match="cannot be opened"):
        Database.at(tmp_path).ensure(ROOM)


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/db", "postgresql+nosuchdriver://host/db"])
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(StoreError, match="not a database that can be used here"):
        Database(url)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreError) as raised:
        Database("nosuchdb://me:hunter2@host/db")
    assert "hunter2" not in str(raised.value)


def test_a_damaged_file(opened: Database) -> None:
    with opened.write() as connection:
        connection.execute(insert(COUNTERS), [{"name": f"{n} " * 50, "n": n} for n in range(500)])
    opened.close()
    path = Path(opened.place)
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)

    def read() -> None:
        with opened.read() as connection:
            connection.execute(select(COUNTERS)).all()

    with pytest.raises(StoreError, match="damaged; restore it from a backup"):
        read()


def test_the_tables_are_postgresqls_too() -> None:
    for metadata in (ROOM, blobs._SCHEMA, embeddings._SCHEMA, traces._SCHEMA):
        for table in metadata.sorted_tables:
            sql = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
            assert "CREATE TABLE" in sql
            assert "BLOB" not in sql
