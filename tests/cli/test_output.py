"""What is printed gives the terminal no orders."""

from __future__ import annotations

import io
import json

import pytest
from rich.control import Control
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assay.cli.output import _Terminal, emit
from assay.cli.rollout_tables import folded

EVIL = "a\x1b]0;PWNED\x07b\x9b31mc\x7fd\re"


def table() -> Table:
    found = Table(EVIL)
    found.add_row(Text(EVIL))
    return found


@pytest.mark.parametrize(
    "renderable", [EVIL, Text(EVIL), folded(EVIL, 80, indent=2, after=4), table(), Panel(EVIL, title=EVIL)]
)
def test_no_kind_of_renderable_brings_an_order_through(renderable: object) -> None:
    console = _Terminal(file=io.StringIO(), width=80)
    console.print(renderable)
    with console.capture() as captured:
        console.print(renderable, markup=False, soft_wrap=True)
    told = console.file.getvalue() + captured.get()  # type: ignore[attr-defined]
    assert "PWNED" in told
    assert not [
        character for character in told if character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)
    ]


def test_a_line_that_ends_as_on_windows_is_a_line() -> None:
    console = _Terminal(file=io.StringIO(), width=80)
    console.print("a\r\nb")
    console.print(Text("a\r\nb"))
    assert console.file.getvalue() == "a\nb\na\nb\n"  # type: ignore[attr-defined]


def test_the_console_itself_still_moves_the_cursor() -> None:
    console = _Terminal(
        file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False, _environ={"TERM": "xterm"}
    )
    console.control(Control.move(0, -1))
    console.print(Text("red", style="red"))
    assert "\x1b[1A" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" in console.file.getvalue()  # type: ignore[attr-defined]


def test_json_holds_no_order_either(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"why": EVIL, "ä": "ö"})
    told = capsys.readouterr().out
    assert json.loads(told) == {"why": EVIL, "ä": "ö"}
    assert "ö" in told
    assert not [character for character in told[:-1] if ord(character) < 32 or 127 <= ord(character) < 160]
