"""What was opened is closed where a later part cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.errors import StoreError
from assay.ingestion.ledger import Ledger
from assay.ingestion.recipe import Recipe
from assay.releases import parts
from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project
from assay.releases.state_writer import StateWriter
from assay.releases.store import ReleaseStore
from assay.traces import Span


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "assay.toml").write_text('[app]\nname = "x"\n', encoding="utf-8")
    return Project.load(tmp_path)


def test_an_index_that_cannot_be_opened_leaves_no_other_open(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Opened:
        def close(self) -> None:
            closed.append("index")

    def index(_: Project, recipe: Recipe) -> Any:
        if recipe.embedder == "gone":
            raise StoreError("the other index is damaged")
        return Opened()

    other = Recipe("tokens", 100, 0, "gone", 3, 100, "embedded", "p")
    Ledger(parts.database(project)).open(other)
    monkeypatch.setattr(parts, "index", index)
    with pytest.raises(StoreError, match="damaged"), open_ingestion(project):
        pass
    assert closed == ["index"]


def test_a_state_that_cannot_be_written_is_opened_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = parts.database

    def database(asked: Project) -> Any:
        opened.append(real(asked))
        return opened[-1]

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    writer = StateWriter(project)
    span = Span("1" * 16, None, "answer", 0, 1)
    with monkeypatch.context() as failing:
        failing.setattr(parts, "database", database)
        failing.setattr(ReleaseStore, "keep", refuse)
        for _ in range(2):
            with pytest.raises(StoreError):
                writer.write([("a" * 32, span)])
    writer.write([("a" * 32, span)])
    writer.close()
    assert len(opened) == 1
