"""An application over a small handbook, and a way to run commands in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.cli.app import main

HANDBOOK = {
    "holidays.md": (
        "# Holidays\n\nEvery employee has 30 days of paid holiday a year.\n\n"
        "## Carrying over\n\nUp to five unused days may be carried over until the end of March.\n"
    ),
    "travel.md": (
        "# Travel\n\nTrains are booked in second class.\n\n"
        "## Hotels\n\nA hotel may cost up to 140 euros a night, breakfast included.\n"
    ),
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["assay", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def app(handbook: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new application in the current directory; nothing ingested yet."""
    where = handbook.parent / "app"
    assert run("init", where, "--from", handbook).code == 0
    monkeypatch.chdir(where)
    return where
