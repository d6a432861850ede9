"""Where each key of a TOML text stands: the line that a message about it should name.

``tomllib`` gives values without positions. This scanner reads a text that ``tomllib``
has already accepted and notes the line of every key path; it decides nothing about
validity and converts no values.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the top of the document; an integer counts in an array, from 0."""

_SPACE = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]\}#\n]+")
_STRINGS = (
    re.compile(r'"""(?:\\[\s\S]|(?!""")[\s\S])*""""{0,2}'),
    re.compile(r"'''(?:(?!''')[\s\S])*''''{0,2}"),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)


def locate(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every key path of a valid TOML text.

    A table has the line of its header, or of the first key that implies it where it has
    none; an array's element the line on which it begins.
    """
    return _Scanner(text).document()


def nearest(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key path, or of the closest one above it that the text has."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.implied: set[KeyPath] = set()
        self.arrays: dict[KeyPath, int] = {}
        self.newlines = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.skip(_FILLER)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_REST_OF_LINE)
            self.skip(_FILLER)
        return self.lines

    def header(self) -> KeyPath:
        """``[a.b]`` or ``[[a.b]]``; gives the path of the table that it opens."""
        start, array = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self.key()
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self.note((*path, key), start, implied=True)
            if path in self.arrays:
                path = (*path, self.arrays[path] - 1)
        path = self.note((*path, keys[-1]), start, implied=array)
        if array:
            self.arrays[path] = self.arrays.get(path, 0) + 1
            path = self.note((*path, self.arrays[path] - 1), start)
        return path

    def pair(self, table: KeyPath) -> None:
        """``a.b = value``"""
        start, path = self.at, table
        keys = self.key()
        for number, key in enumerate(keys, 1):
            path = self.note((*path, key), start, implied=number < len(keys))
        self.skip(_SPACE)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)

    def key(self) -> list[str]:
        """A dotted key, quoted parts and white space around the dots included."""
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                parts.append(tomllib.loads(f"k={self.string()}")["k"])
            else:
                parts.append(self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.at += 1

    def value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self.string()
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_FILLER)
        count = 0
        while self.text[self.at] != "]":
            self.value(self.note((*path, count), self.at))
            count += 1
            self.separator()
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_FILLER)
        while self.text[self.at] != "}":
            self.pair(path)
            self.separator()
        self.at += 1

    def separator(self) -> None:
        self.skip(_FILLER)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_FILLER)

    def string(self) -> str:
        for pattern in _STRINGS:
            if found := pattern.match(self.text, self.at):
                self.at = found.end()
                return found.group()
        raise ValueError(f"no string at offset {self.at}: the text is not valid TOML")

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"unexpected text at offset {self.at}: the text is not valid TOML")
        self.at = found.end()
        return found.group()

    def note(self, path: KeyPath, offset: int, *, implied: bool = False) -> KeyPath:
        """Keep the first line of a path, but prefer its own header to a key that implied it."""
        if path not in self.lines or (path in self.implied and not implied):
            self.lines[path] = bisect_left(self.newlines, offset) + 1
            (self.implied.add if implied else self.implied.discard)(path)
        return path
