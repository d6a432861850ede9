"""How commands speak: results to standard output, everything else to standard error.

With ``--json`` standard output holds JSON and nothing else.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNESCAPED = re.compile("[\x7f-\x9f]")
"""Those that JSON may hold as they are."""


class _Terminal(Console):
    """What a document or a file's name holds can be shown, but gives the terminal no orders."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(_CONTROL.sub("\ufffd", text.replace("\r", "")), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        # Everything that is printed comes through here, also texts and tables; a segment with control codes is one
        # by which the console itself moves the cursor.
        for segment in super().render(renderable, options):
            if segment.control or not _CONTROL.search(segment.text):
                yield segment
            else:
                yield Segment(_CONTROL.sub("\ufffd", segment.text), segment.style)


out = _Terminal(highlight=False, soft_wrap=True)
err = _Terminal(stderr=True, highlight=False)


def writable() -> None:
    """Have characters that the terminal's encoding lacks shown as ``?`` rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def emit(value: Any) -> None:
    """Write one JSON document on one line, which gives a terminal no orders either."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, default=str)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(message: str) -> None:
    """Tell a person something that is not the result."""
    err.print(message, style="dim", markup=False, soft_wrap=True)


def fail(message: str, *, code: int = 2) -> NoReturn:
    """End the command: the message on standard error, an exit status that says it failed."""
    err.print("error:", style="bold red", end=" ")
    err.print(message, markup=False, soft_wrap=True)
    sys.exit(code)


def duration(seconds: float) -> str:
    """A length of time as people read it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
