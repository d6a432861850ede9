"""Keys as they are pressed, where there is a terminal; otherwise lines, of which the first character counts."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from assay.cli.output import out

END = "q"
_ESCAPE = "\x1b"


class Keys(Protocol):
    """``single`` says that keys come one by one, so that a screen can be drawn anew for each."""

    @property
    def single(self) -> bool: ...

    def read(self) -> str:
        """The next key, in lower case; ``q`` where there is none any more."""
        ...


class LineKeys:
    """Lines of standard input: for pipes, and for terminals that cannot move their cursor."""

    single = False

    def read(self) -> str:
        line = sys.stdin.readline()
        if not line:
            return END
        return line.strip()[:1].lower() or " "


class TerminalKeys:
    """Single keys of a terminal, without waiting for a line's end."""

    single = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> str:
        data = os.read(self._descriptor, 1)
        if data in (b"", b"\x04"):  # the terminal has gone, or Ctrl-D
            return END
        if data == _ESCAPE.encode():
            self._drop()
            return _ESCAPE
        while True:
            try:
                return data.decode().lower()
            except UnicodeDecodeError:
                more = os.read(self._descriptor, 1)
                if not more or len(data) > 3:
                    return _ESCAPE
                data += more

    def _drop(self) -> None:
        """What an arrow or a function key sends after its escape is no answer."""
        while select.select([self._descriptor], [], [], 0.02)[0]:
            if not os.read(self._descriptor, 16):
                return


@contextmanager
def opened_keys() -> Iterator[Keys]:
    """The keys that there are here; a terminal is as it was at the end, however it ends."""
    if not (sys.stdin.isatty() and out.is_terminal and not out.is_dumb_terminal):
        yield LineKeys()
        return
    try:
        import termios
        import tty
    except ImportError:  # not on Windows
        yield LineKeys()
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield TerminalKeys(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
