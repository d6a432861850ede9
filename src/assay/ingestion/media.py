"""Media types by file extension: what is known to be readable, and by which kind of parser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType

MARKDOWN = "text/markdown"
PLAIN = "text/plain"
CODE = "text/x-source"
JSONL = "application/jsonl"

_OFFICE = "application/vnd.openxmlformats-officedocument"

RICH: Mapping[str, str] = MappingProxyType(
    {
        ".pdf": "application/pdf",
        ".html": "text/html",
        ".htm": "text/html",
        ".xhtml": "text/html",
        ".docx": f"{_OFFICE}.wordprocessingml.document",
        ".pptx": f"{_OFFICE}.presentationml.presentation",
        ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
        ".xls": "application/vnd.ms-excel",
        ".csv": "text/csv",
        ".tsv": "text/tab-separated-values",
        ".epub": "application/epub+zip",
        ".eml": "message/rfc822",
        ".msg": "application/vnd.ms-outlook",
        ".rtf": "application/rtf",
        ".odt": "application/vnd.oasis.opendocument.text",
    }
)
"""Formats from which text must be extracted."""

_PLAIN = ".txt .text .log .rst .adoc .asciidoc .org .tex"
_MARKDOWN = ".md .markdown .mdx .mkd"
_CODE = (
    ".py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .go .rs .c .h .cc .cpp .cxx .hpp .hh .cs .swift "
    ".rb .php .pl .pm .lua .r .jl .hs .ml .ex .exs .erl .clj .sh .bash .zsh .ps1 .sql .proto .graphql .toml "
    ".yaml .yml .ini .cfg .json .xml .css .scss .vue .svelte .tf .gradle .cmake .dockerfile"
)

TYPES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_PLAIN.split(), PLAIN),
        **dict.fromkeys(_MARKDOWN.split(), MARKDOWN),
        **dict.fromkeys(_CODE.split(), CODE),
        **RICH,
    }
)
"""Every extension that is read without being asked for by name."""


def media_type(path: str) -> str | None:
    """The media type by which a file is read; None when its extension is not known."""
    suffix = PurePath(path).suffix.lower()
    return JSONL if suffix in (".jsonl", ".ndjson") else TYPES.get(suffix)
