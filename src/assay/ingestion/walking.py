"""Walking sources: every document that exists now, lazily and in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from assay.ingestion.folders import files, walk_file, walk_folder
from assay.ingestion.media import JSONL, media_type
from assay.ingestion.records import walk_records
from assay.ingestion.sources import Found, Item, Source, Unreadable


def walk(sources: Sequence[Source]) -> Iterator[Found]:
    """All items of all sources, in order; an id that comes twice is unreadable the second time."""
    seen: dict[str, str] = {}
    for source in sources:
        for found in walk_source(source):
            if isinstance(found, Item):
                first = seen.setdefault(found.id, found.uri)
                if first != found.uri:
                    reason = f"the id {found.id!r} is already taken by {first}; give this one another"
                    yield Unreadable(found.uri, reason, source.name)
                    continue
            yield found


def walk_source(source: Source) -> Iterator[Found]:
    """The items of one source; a path that is missing or may not be opened is one Unreadable."""
    path = source.path
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        yield _whole(source, f"cannot be opened: {error.strerror}")
        return
    if not exists:
        yield _whole(source, _missing(source))
    elif is_folder and source.kind in (None, "folder"):
        yield from walk_folder(source)
    elif is_folder or source.kind == "folder":
        yield _whole(source, f"is a {'folder' if is_folder else 'file'}, not a {source.kind}; correct its kind")
    elif source.kind == "jsonl" or (source.kind is None and media_type(path.name) == JSONL):
        yield from walk_records(source, path, str(path))
    else:
        yield from walk_file(source, path, path.name)


def count(sources: Sequence[Source]) -> int:
    """About how many items there are, without reading files; JSONL counts its lines."""
    total = 0
    for source in sources:
        # What cannot be opened is reported by the walk; here it only counts for nothing.
        with suppress(OSError):
            places: Iterable[tuple[Path, str] | Unreadable]
            places = files(source) if source.path.is_dir() else [(source.path, source.path.name)]
            for place in places:
                if isinstance(place, Unreadable):
                    continue
                lined = (media_type(place[1]) == JSONL or source.kind == "jsonl") and place[0].is_file()
                total += _lines(place[0]) if lined else 1
    return total


def _lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(block.count(b"\n") for block in iter(partial(lines.read, 1 << 20), b""))


def _whole(source: Source, error: str) -> Unreadable:
    return Unreadable(str(source.path), error, source.name, covers=source.prefix, whole=True)


def _missing(source: Source) -> str:
    if source.path.is_symlink():
        return f"is a broken link to {source.path.readlink()}"
    return f"does not exist; correct the path of source {source.name!r}, or remove the source"
