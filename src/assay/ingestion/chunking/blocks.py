"""Blocks of a text: paragraphs, list items, tables and code, each with its span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assay.ingestion.markdown import lines, next_fence


@dataclass(frozen=True, slots=True)
class Block:
    """A half-open span of whole lines, and how it may be cut when it is too long."""

    start: int
    end: int
    kind: Literal["paragraph", "table", "code"]


def blocks(text: str, start: int, end: int, *, markdown: bool) -> Iterator[Block]:
    """The blocks of ``text[start:end]``: what stands between empty lines, fences and tables whole.

    Without ``markdown`` the text is code or plain: only empty lines count.
    """
    begun, last, fence = -1, start, ""
    kind: Literal["paragraph", "table", "code"] = "paragraph"
    for offset, line in lines(text[start:end]):
        at, stop = start + offset, start + offset + len(line)
        fence, fenced = next_fence(fence, line) if markdown else ("", False)
        found: Literal["paragraph", "table", "code"] = "code" if fenced else "paragraph"
        if markdown and not fenced and line.lstrip().startswith("|"):
            found = "table"
        empty = not line.strip() and not fenced
        if begun >= 0 and (empty or found != kind):
            yield Block(begun, last, kind)
            begun = -1
        if not empty:
            begun, kind, last = (at if begun < 0 else begun), found, stop
        if fenced and not fence and begun >= 0:
            yield Block(begun, last, "code")
            begun = -1
    if begun >= 0:
        yield Block(begun, last, kind)


def table_header(text: str, block: Block) -> str:
    """The first row of a table's block, when a line of dashes sets it off from the others."""
    rows = text[block.start : block.end].split("\n", 2)
    if len(rows) < 2 or set(rows[1].strip()) - set("|:- \t\r") or "-" not in rows[1]:
        return ""
    return " | ".join(cell.strip() for cell in rows[0].strip().strip("|").split("|") if cell.strip())
