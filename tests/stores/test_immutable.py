"""A file is read where nothing can be written beside it, unless a writer has left something there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.stores.immutable import reading


def failure(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("no room for the files beside it")
    error.sqlite_errorname = name
    return error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a b.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    return path


def test_it_reads_and_does_not_write(path: Path) -> None:
    with closing(reading(path, failure("SQLITE_IOERR_SHMSIZE"))) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [(7,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM kept")
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["SQLITE_CORRUPT", "SQLITE_BUSY"])
def test_another_cause_stays_an_error(path: Path, name: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no room"):
        reading(path, failure(name))


def test_a_log_of_a_writer_is_not_passed_over(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"frames")
    with pytest.raises(sqlite3.OperationalError, match="no room"):
        reading(path, failure("SQLITE_CANTOPEN"))
