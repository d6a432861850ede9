from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.errors import StoreError
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "state.db")


def test_a_verdict_comes_back_as_it_was(database: Database) -> None:
    store = VerdictStore(database)
    given = {
        "score": {"value": 0.1 + 0.2},
        "reason": "ünï \udcff ✓",
        "detail": {"claims": [{"start": 1}]},
        "none": None,
    }
    store.put("k", "main", "claim", given)
    assert store.get("k") == given
    assert VerdictStore(database).get("k") == given
    assert store.get("other") is None


def test_what_is_known_stays(database: Database) -> None:
    store = VerdictStore(database)
    store.put("k", "main", "claim", {"score": 1})
    store.put("k", "main", "claim", {"score": 2})
    assert store.get("k") == {"score": 1}
    assert store.count() == 1


def test_old_ones_can_go(database: Database) -> None:
    now = [100.0]
    store = VerdictStore(database, clock=lambda: now[0])
    store.put("old", "main", "claim", {})
    now[0] = 200.0
    store.put("new", "main", "claim", {})
    assert store.prune(before=150.0) == 1
    assert store.get("old") is None
    assert store.get("new") == {}


def test_a_damaged_row_is_named(database: Database) -> None:
    store = VerdictStore(database)
    store.put("k", "main", "claim", {})
    with database.write() as connection:
        connection.execute(text("UPDATE verdicts SET verdict = '{'"))
    with pytest.raises(StoreError, match=r"state\.db: a kept verdict is damaged; delete"):
        store.get("k")


WRITER = """
import sys
from pathlib import Path
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore
store = VerdictStore(Database.at(Path(sys.argv[1])))
for i in range(50):
    store.put(f"k{i}", "main", "claim", {"by": sys.argv[2]})
"""


def test_processes_share_it(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "state.db"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    store = VerdictStore(database)
    assert store.count() == 50
    assert all((store.get(f"k{i}") or {})["by"] in "ab" for i in range(50))
