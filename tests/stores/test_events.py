"""Streams of events: order, expected versions, several writers at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection

from assay.errors import InputError, StoreError
from assay.stores.database import Database
from assay.stores.events import Conflict, EventLog


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(Database.at(tmp_path / "state.db"), clock=iter(range(100, 10_000)).__next__)


def test_events_come_back_in_order_with_their_versions(log: EventLog) -> None:
    assert log.version("a") == 0
    assert log.append("a", [{"kind": "x", "n": 1}, {"kind": "x", "n": 2}]) == 2
    assert log.append("b", [{"kind": "y"}]) == 1
    assert log.append("a", [{"kind": "x", "n": 3}]) == 3
    assert [(r.version, r.event["n"]) for r in log.read("a")] == [(1, 1), (2, 2), (3, 3)]
    assert [r.version for r in log.read("a", after=1, limit=1)] == [2]
    assert log.streams() == ["a", "b"]
    assert log.streams("a") == ["a"]


def test_a_writer_who_has_not_seen_the_newest_is_refused(log: EventLog) -> None:
    log.append("a", [{"kind": "x"}], expected=0)
    with pytest.raises(Conflict, match="at version 1, not 0"):
        log.append("a", [{"kind": "late"}], expected=0)
    assert [r.event["kind"] for r in log.read("a")] == ["x"]


def test_what_is_derived_is_written_with_the_events_or_not_at_all(log: EventLog) -> None:
    def fails(_: Connection) -> None:
        raise RuntimeError("the projection cannot be written")

    with pytest.raises(RuntimeError):
        log.append("a", [{"kind": "x"}], also=fails)
    assert log.version("a") == 0
    assert log.read("a") == []


def test_what_is_no_event_is_refused_by_name(log: EventLog) -> None:
    with pytest.raises(InputError, match="needs a kind"):
        log.append("a", [{"n": 1}])
    with pytest.raises(InputError, match="cannot be written as JSON"):
        log.append("a", [{"kind": "x", "n": float("nan")}])
    assert log.version("a") == 0


@pytest.mark.parametrize("text", ['{"kind": "x"', "", "[1]", "null"])
def test_a_damaged_event_is_named_and_nothing_is_read_around_it(tmp_path: Path, text: str) -> None:
    database = Database.at(tmp_path / "state.db")
    log = EventLog(database)
    log.append("environment/production", [{"kind": "x"}, {"kind": "y"}, {"kind": "z"}])
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE events SET event = ? WHERE version = 2", (text,))
    with pytest.raises(
        StoreError, match=r"state\.db.*: event 2 of environment/production is damaged; restore .* backup"
    ):
        log.read("environment/production")
    assert [each.version for each in log.read("environment/production", after=2)] == [3]


def test_many_writers_leave_no_gap_and_one_of_each_version_wins(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    EventLog(Database.at(path))
    won: list[int] = []

    def write() -> None:
        log = EventLog(Database.at(path))
        for _ in range(20):
            seen = log.version("a")
            try:
                won.append(log.append("a", [{"kind": "x"}], expected=seen))
            except Conflict:
                continue

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = [r.version for r in EventLog(Database.at(path)).read("a")]
    assert versions == list(range(1, len(won) + 1))
    assert sorted(won) == versions
