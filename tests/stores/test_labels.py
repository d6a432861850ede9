"""Labels in the store: rows are added, the latest of a rater counts, and several processes may write."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.digest import Digest
from assay.errors import StoreError
from assay.stores.database import Database
from assay.stores.labelled import Content, Draw, Label
from assay.stores.labels import LabelStore

ITEM, CASE = Digest("a" * 64), Digest("b" * 64)
LABEL = Label("1", "faithfulness", ITEM, CASE, "anna", 1.0, 10.0, "random:0", None, 0.7, "judge:1", "ünï ✓")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "state.db")


@pytest.fixture
def store(database: Database) -> LabelStore:
    return LabelStore(database)


def test_a_label_comes_back_as_it_was(store: LabelStore, database: Database) -> None:
    store.add(LABEL, Content(ITEM, '{"case": 1}'))
    assert LabelStore(database).labels("faithfulness") == [LABEL]
    assert store.contents([ITEM, Digest("c")]) == {ITEM: Content(ITEM, '{"case": 1}')}
    assert store.labels("correctness") == []


def test_the_latest_of_a_rater_counts_and_every_rater_has_one(store: LabelStore) -> None:
    store.add(LABEL)
    store.add(replace(LABEL, id="2", value=0.0, at=11.0))
    store.add(replace(LABEL, id="3", rater="ben", value=None, at=12.0))
    assert [(label.rater, label.value) for label in store.labels()] == [("anna", 0.0), ("ben", None)]


def test_a_label_that_is_withdrawn_gives_way_to_the_one_before(store: LabelStore, database: Database) -> None:
    later = replace(LABEL, id="2", value=0.0, at=11.0)
    store.add(LABEL)
    store.add(later)
    store.withdraw(later, 12.0)
    assert store.labels() == [LABEL]
    store.withdraw(LABEL, 13.0)
    assert store.labels() == []
    with database.read() as connection:
        assert connection.execute(text("select count(*) from labels")).scalar() == 4


def test_merging_twice_adds_once(store: LabelStore) -> None:
    draw = Draw("proposed:0:x", "faithfulness", 9.0, (CASE,), {CASE: 0.25})
    assert store.merge([LABEL, replace(LABEL, id="2", rater="ben")], [Content(ITEM, "{}")], [draw]) == 2
    assert store.merge([LABEL, replace(LABEL, id="3", rater="cleo")], [Content(ITEM, "other")], [draw]) == 1
    assert len(store.labels()) == 3
    assert store.contents([ITEM])[ITEM].payload == "{}"
    assert store.draws("faithfulness") == [draw]


def test_a_damaged_draw_is_named(store: LabelStore, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("insert into label_draws values ('d', 'faithfulness', 1.0, '{')"))
    with pytest.raises(StoreError, match="the draw d is damaged"):
        store.draws("faithfulness")


def test_processes_at_once_lose_nothing(store: LabelStore, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from assay.stores.database import Database;"
        "from assay.stores.labels import LabelStore; from assay.stores.labelled import Label;"
        "store = LabelStore(Database.at(Path(sys.argv[1])));"
        "[store.add(Label(f'{sys.argv[2]}-{i}', 'm', f'i{i}', 'c', sys.argv[2], 1.0, float(i))) for i in range(25)]"
    )
    path = tmp_path / "state.db"
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(store.labels("m")) == 50
