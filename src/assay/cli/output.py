"""How commands speak: results to standard output, everything else to standard error.

With ``--json`` standard output holds JSON and nothing else.
"""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


def emit(value: Any) -> None:
    """Write one JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def note(message: str) -> None:
    """Tell a person something that is not the result."""
    err.print(message, style="dim", markup=False, soft_wrap=True)


def fail(message: str, *, code: int = 2) -> NoReturn:
    """End the command: the message on standard error, an exit status that says it failed."""
    err.print("error:", style="bold red", end=" ")
    err.print(message, markup=False, soft_wrap=True)
    sys.exit(code)


def bytes_of(count: float) -> str:
    """A size as people read it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration(seconds: float) -> str:
    """A length of time as people read it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
