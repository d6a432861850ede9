from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StoreError
from assay.ingestion.ledger import Ledger
from assay.ingestion.listed import listed
from assay.ingestion.recipe import Recipe
from assay.stores.database import Database


def recipe(chunker: str) -> Recipe:
    return Recipe(chunker, 100, 0, "e", 8, 100, "embedded", "p")


def test_it_reads_what_the_ledger_reads(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert listed(path) == []
    database = Database.at(path)
    ledger = Ledger(database)
    assert listed(path) == []
    for name in ("structure", "tokens", "sentences"):
        ledger.open(recipe(name))
    ledger.activate(recipe("tokens").id)
    assert listed(path) == ledger.indexes()
    database.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is not a database at all, not even nearly" * 40)
    with pytest.raises(StoreError, match="not a database; name another"):
        listed(path)


def test_a_folder_without_rights_has_a_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(StoreError, match="grant the right"):
        listed(tmp_path / "state.db")


def test_a_state_of_another_version_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another version"):
        Recipe.from_mapping({"chunker": "structure", "colour": "red"})
