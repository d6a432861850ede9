"""What a folder of documents holds: kinds of files, and places that a question can be asked about."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from assay.errors import InputError
from assay.ingestion.folders import JUNK
from assay.ingestion.markdown import headings
from assay.ingestion.media import JSONL, MARKDOWN, media_type

_ENTRIES = 20_000
_SAMPLED = 50
_SAMPLE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that a document says something about: a heading or title of its own, or else its name."""

    document: str
    label: str
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """``suffixes`` of readable files, the commonest first; ``records`` are JSONL files of documents.

    Paths are relative to what was surveyed, with forward slashes; "." is the place itself.
    """

    suffixes: tuple[str, ...]
    records: tuple[str, ...]
    topics: tuple[Topic, ...]


def survey(place: Path) -> Survey:
    """Look at a folder, a file or a JSONL file, at most some thousand entries of it.

    Raises InputError when it does not exist or cannot be read.
    """
    if not place.exists():
        raise InputError(f"{place} does not exist; name a folder of documents, a file or a .jsonl file")
    try:
        return _folder(place) if place.is_dir() else _file(place)
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror or error}") from error


def _file(place: Path) -> Survey:
    if media_type(place.name) == JSONL:
        if not _holds_documents(place):
            raise InputError(f'{place} holds no documents: a line must be {{"id", "text", …}}')
        return Survey((), (".",), tuple(_record_topics(place)))
    return Survey((place.suffix.lower(),), (), tuple(_topics(place, place.name)))


def _folder(place: Path) -> Survey:
    counts: dict[str, int] = {}
    records: list[str] = []
    topics: list[Topic] = []
    for relative in islice(_names(place), _ENTRIES):
        path = place / relative
        kind = media_type(relative)
        # One file that cannot be read is for the ingestion to report; the others are surveyed.
        with suppress(OSError):
            if kind == JSONL:
                if _holds_documents(path):
                    records.append(relative)
                    topics.extend(_record_topics(path))
            elif kind is not None:
                suffix = path.suffix.lower()
                counts[suffix] = counts.get(suffix, 0) + 1
                if len(topics) < _SAMPLED:
                    topics.extend(_topics(path, relative))
    return Survey(tuple(sorted(counts, key=lambda s: (-counts[s], s))), tuple(records), tuple(topics))


def _names(place: Path) -> Iterator[str]:
    """Relative paths of files, without hidden ones and without names that are not Unicode."""
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in JUNK)
        for name in sorted(files):
            path = Path(folder) / name
            relative = path.relative_to(place).as_posix()
            # Not a pipe or a device: to open one may wait for ever.
            if not name.startswith(".") and relative.isprintable() and _is_file(path):
                yield relative


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _topics(path: Path, document: str) -> Iterator[Topic]:
    """One topic a document: its first heading below the title, else its title, else its name."""
    name = PurePosixPath(document).stem.replace("-", " ").replace("_", " ").strip()
    found: list[str] = []
    if media_type(document) == MARKDOWN:
        with path.open("rb") as file:
            marks = headings(file.read(_SAMPLE_BYTES).decode("utf-8-sig", "replace"))
        found = [mark.label for mark in marks if mark.level > 1] or [mark.label for mark in marks]
    if found or name:
        yield Topic(document, found[0] if found else name, is_name=not found)


def _record_topics(path: Path) -> Iterator[Topic]:
    for record in islice(_lines(path), 2):
        if isinstance(title := record.get("title"), str) and title.strip():
            yield Topic(str(record["id"]), " ".join(title.split()))


def _holds_documents(path: Path) -> bool:
    return any("id" in record and isinstance(record.get("text"), str) for record in islice(_lines(path), 1))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in the first lines of a JSONL file; ends at what is none."""
    with path.open("rb") as file:
        while line := file.readline(_SAMPLE_BYTES):
            try:
                value = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                return
            if not isinstance(value, dict):
                return
            yield value
