"""Globs over paths relative to a source, as people write them in a configuration.

``*`` and ``?`` stay within one folder, ``**`` crosses folders. A pattern without a slash
matches at any depth, like in an ignore file; one that ends in a slash names a folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of one glob; to be used with ``fullmatch`` on a posix path."""
    pattern = pattern.removeprefix("./").removeprefix("/")
    if pattern.endswith("/"):
        pattern += "**"
    if "/" not in pattern:
        pattern = f"**/{pattern}"
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif pattern[at] == "?":
            out, at = out + "[^/]", at + 1
        elif pattern[at] == "[" and "]" in pattern[at + 2 :]:
            close = pattern.index("]", at + 2)
            inside = pattern[at + 1 : close].replace("\\", "\\\\").replace("[", "\\[")
            out, at = out + "[" + ("^" + inside[1:] if inside[0] == "!" else inside) + "]", close + 1
        else:
            out, at = out + re.escape(pattern[at]), at + 1
    try:
        return re.compile(out, re.DOTALL)
    except re.error:
        # A range that runs backwards: the brackets are part of a name.
        return re.compile(f"(?:.*/)?{re.escape(pattern.removeprefix('**/'))}")


@dataclass(frozen=True, slots=True)
class Globs:
    """Which relative paths belong: any of ``include`` (all when empty) and none of ``exclude``."""

    include: tuple[re.Pattern[str], ...]
    exclude: tuple[re.Pattern[str], ...]
    hidden: bool

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str]) -> Globs:
        """Compile both lists. Hidden files are looked at only when an include pattern spells one."""
        hidden = any(part.startswith(".") and part != "." for glob in include for part in glob.split("/"))
        return cls(tuple(map(compiled, include)), tuple(map(compiled, exclude)), hidden)

    def admits(self, path: str) -> bool:
        """Whether a file belongs."""
        wanted = not self.include or any(glob.fullmatch(path) for glob in self.include)
        return wanted and not any(glob.fullmatch(path) for glob in self.exclude)

    def enters(self, folder: str) -> bool:
        """Whether a folder is walked: not when everything in it is excluded."""
        return not any(glob.fullmatch(folder) or glob.fullmatch(f"{folder}/") for glob in self.exclude)
