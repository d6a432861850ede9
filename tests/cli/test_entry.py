from __future__ import annotations

import sys

import pytest

from assay.cli import app, entry


def test_an_interrupt_at_any_time_ends_with_a_word_and_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupted)
    with pytest.raises(SystemExit, match="130"):
        entry.main()
    assert capsys.readouterr().err == "interrupted\n"


def test_it_runs_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["assay", "--version"])
    with pytest.raises(SystemExit, match="0"):
        entry.main()
    assert capsys.readouterr().out
