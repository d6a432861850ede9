"""Extraction of text from PDF, Office, HTML, e-mail and the like, by kreuzberg.

Runs as a process of its own (``python -m assay.ingestion.extraction``): a document that
hangs or crashes the native code then costs that one document. Requests come on standard
input as a JSON line ``{"media_type", "bytes"}`` followed by so many bytes; each is answered
by a JSON line ``{"title", "text", "marks"}`` or ``{"error"}``.

The text is written here from kreuzberg's tree of the document rather than taken from its
Markdown, whose page boundaries are positions in another text.
"""

from __future__ import annotations

import html
import json
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

from kreuzberg import ContentFilterConfig, ExtractionConfig, PageConfig, extract_bytes_sync
from kreuzberg.exceptions import KreuzbergError

from assay.errors import SourceError
from assay.ingestion.decoding import decoded
from assay.ingestion.markdown import headings

_SLIDE = re.compile("\ue000(\\d+)\ue001")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w-]{1,40})""", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>", re.IGNORECASE)
_HEAD = re.compile(r"<head[\s>].*?</head\s*>", re.IGNORECASE | re.DOTALL)
_SHEETS = ("excel", "csv")
_SECONDS = 300
_MEMORY, _MEMORY_A_BYTE = 2_000_000_000, 40
"""Bytes of memory for any document, and for each byte that it has."""

_CONFIG = ExtractionConfig(
    use_cache=False,
    enable_quality_processing=False,
    output_format="markdown",
    include_document_structure=True,
    extraction_timeout_secs=_SECONDS,
    pages=PageConfig(extract_pages=True, insert_page_markers=True, marker_format="\n\n\ue000{page_num}\ue001\n\n"),
    content_filter=ContentFilterConfig(strip_repeating_text=True),
)
"""No recognition of scanned text and no cache on disk: nothing is fetched, nothing is left behind."""


@dataclass(slots=True)
class _Written:
    """The text so far, in pieces, with its marks."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    letters: int = 0
    marks: list[list[Any]] = field(default_factory=list)

    def mark(self, kind: str, label: str, level: int = 0) -> None:
        self.marks.append([self.length, kind, label, level])

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)
        self.letters += sum(map(str.isalnum, text))


def main() -> None:
    """Answer requests until standard input ends, which it does when the parent is gone."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        request = json.loads(line)
        limit_memory(request["bytes"])
        answers.write(json.dumps(_answer(requests, request)).encode() + b"\n")
        answers.flush()


def limit_memory(size: int) -> None:
    """A document that unpacks into far more than it seems to hold ends this process, not the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _MEMORY + _MEMORY_A_BYTE * size
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _answer(requests: BinaryIO, request: Mapping[str, Any]) -> dict[str, Any]:
    content = requests.read(request["bytes"])
    try:
        return extracted(content, request["media_type"])
    except SourceError as error:
        return {"error": str(error)}
    except KreuzbergError as error:
        return {"error": _reason(str(error))}
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        return {"error": f"cannot be extracted: {error}"}


def extracted(content: bytes, media_type: str) -> dict[str, Any]:
    """Title, text and marks ``[start, kind, label, level]`` of one document."""
    given = ""
    if media_type == "text/html":
        content, given = _body(content)
    result = extract_bytes_sync(content, media_type, config=_CONFIG)
    about: Mapping[str, Any] = result.metadata
    whole = _SLIDE.sub("", result.content).strip()
    written = _Written()
    if media_type != "text/html" and result.document:
        _write(written, result.document["nodes"], about)
    if written.letters < 0.97 * sum(map(str.isalnum, whole)):
        # The tree leaves things out (definition lists, nested lists): the Markdown has no pages, but all text.
        written = _Written()
        written.marks = [[mark.start, mark.kind, mark.label, mark.level] for mark in headings(whole)]
        written.write(whole)
    text = "".join(written.pieces)
    if not text.strip():
        return {"error": _empty(media_type)}
    return {"title": given or _title(about, written), "text": text, "marks": written.marks}


def _body(content: bytes) -> tuple[bytes, str]:
    """HTML as UTF-8 without its head, and the title that the head gives.

    kreuzberg would write the head's metadata into the text.
    """
    charset = _CHARSET.search(content[:4096])
    try:
        text = content.decode(charset[1].decode()) if charset else decoded(content)
    except (LookupError, UnicodeDecodeError):
        text = decoded(content)
    title = _TITLE.search(text[:100_000])
    named = " ".join(html.unescape(title[1]).split()) if title else ""
    return _HEAD.sub("", text, count=1).encode("utf-8", "replace"), named


def _write(written: _Written, nodes: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    spread = about.get("format_type") in _SHEETS
    sheets = list(about.get("sheet_names") or []) if spread else []
    furniture = _furniture(nodes)
    page = None
    for number, node in enumerate(nodes):
        content = node["content"]
        kind, text = content["node_type"], _mended(content.get("text") or "")
        begun = None if spread or kind in ("group", "list") else node.get("page")
        if begun is not None and begun != page:
            page = begun
            written.mark("page", str(page))
        if kind in ("heading", "title"):
            label, level = " ".join(text.split()), int(content.get("level") or 1)
            if label in sheets:
                sheets.remove(label)
                written.mark("sheet", label)
            if label:
                written.mark("heading", label, level)
                _block(written, f"{'#' * level} {label}")
        elif kind == "list_item":
            _list_item(written, nodes, number, text)
        elif kind == "table":
            _block(written, _records(content["grid"]) if spread else _table(content["grid"]))
        elif kind == "code":
            _block(written, f"```{content.get('language') or ''}\n{content.get('text') or ''}\n```")
        elif kind == "metadata_block":
            _block(written, "\n".join(f"{key}: {value}" for key, value in content.get("entries", [])))
        elif slide := _SLIDE.fullmatch(text):
            written.mark("slide", slide[1])
        elif _stencil(text) in furniture:
            written.letters += sum(map(str.isalnum, text))
        else:
            _block(written, text)


def _list_item(written: _Written, nodes: Sequence[Mapping[str, Any]], number: int, text: str) -> None:
    parent = nodes[number].get("parent")
    siblings = nodes[parent] if parent is not None else {"content": {}, "children": []}
    place = siblings["children"].index(number) + 1 if number in siblings["children"] else 1
    _block(written, f"{place}. {text}" if siblings["content"].get("ordered") else f"- {text}", "\n")
    if number + 1 == len(nodes) or nodes[number + 1]["content"]["node_type"] != "list_item":
        written.write("\n")


def _furniture(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Running heads and feet: short paragraphs that stand, but for their number, on many pages."""
    places: dict[str, set[int]] = {}
    for node in nodes:
        text = node["content"].get("text") or ""
        if node["content"]["node_type"] == "paragraph" and node.get("page") is not None and len(text) <= 100:
            places.setdefault(_stencil(_mended(text)), set()).add(node["page"])
    pages = max((max(found) for found in places.values()), default=0)
    return {text for text, found in places.items() if len(found) >= max(3, pages / 4)}


def _stencil(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _block(written: _Written, text: str, after: str = "\n\n") -> None:
    if text.strip():
        written.write(text + after)


def _mended(text: str) -> str:
    """Words parted at a line's end joined again, and wrapped lines unwrapped.

    A line that is nearly as long as the paragraph's longest was ended by the margin; a
    shorter one by its author.
    """
    text = re.sub("[\x02\xad]\r?\n?", "", text).replace("\0", "")
    lines = text.split("\n")
    if len(lines) < 2:
        return text.strip()
    full = 0.75 * max(map(len, lines))
    joined = lines[0].rstrip()
    for before, line in pairwise(lines):
        joined += (" " if len(before) >= full else "\n") + line.strip()
    return joined.strip()


def _rows(grid: Mapping[str, Any]) -> list[list[str]]:
    rows = [[""] * grid["cols"] for _ in range(grid["rows"])]
    for cell in grid["cells"]:
        if cell["row"] < len(rows) and cell["col"] < grid["cols"]:
            rows[cell["row"]][cell["col"]] = " ".join(cell["content"].split())
    return rows


def _table(grid: Mapping[str, Any]) -> str:
    rows = [[cell.replace("|", "\\|") for cell in row] for row in _rows(grid)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines[:1], "|" + " --- |" * grid["cols"], *lines[1:]])


def _records(grid: Mapping[str, Any]) -> str:
    """A sheet as one line a row, each value with its column's name: readable wherever it is cut."""
    names, *rows = _rows(grid) or [[]]
    if not rows:
        return "; ".join(filter(None, names))
    lines = []
    for row in rows:
        cells = zip(names, row, strict=True)
        lines.append("; ".join(f"{name}: {value}" if name else value for name, value in cells if value))
    return "\n".join(filter(None, lines))


def _title(about: Mapping[str, Any], written: _Written) -> str:
    given = about.get("title") or about.get("subject")
    if isinstance(given, str) and given.strip():
        return " ".join(html.unescape(given).split())
    headings = [(level, label) for _, kind, label, level in written.marks if kind == "heading"]
    sheets = {label for _, kind, label, _ in written.marks if kind == "sheet"}
    first = [label for level, label in headings if level == 1] or [label for _, label in headings[:1]]
    return first[0] if first and first[0] not in sheets else ""


def _empty(media_type: str) -> str:
    if media_type == "application/pdf":
        return "holds no text; scanned? Run a text recognition over it first, or exclude it"
    return "holds no text"


def _reason(message: str) -> str:
    """kreuzberg's message without its inner paths, as the end of a sentence."""
    lowered = message.lower()
    if "password" in lowered or "encrypted" in lowered:
        return "is protected by a password; save it without one, or exclude it"
    if "timed out" in lowered or "timeout" in lowered:
        return "took too long to extract"
    return f"is damaged or not what its extension says: {message.rpartition('Error: ')[2].splitlines()[0]}"


if __name__ == "__main__":
    main()
