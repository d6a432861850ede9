"""Files and folders as sources.

Real folders are walked before linked ones, each real folder once, so that neither a loop of
links nor two links to one folder brings a document twice.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assay.ingestion.globs import Globs
from assay.ingestion.media import JSONL, PLAIN, media_type
from assay.ingestion.records import walk_records
from assay.ingestion.sources import NO_FILE, Found, Item, Source, Unreadable, fingerprint

JUNK = frozenset({"__pycache__", "node_modules", "__MACOSX"})
"""Folders that no one means; hidden ones are left out by their dot."""


@dataclass(slots=True)
class _Walk:
    source: Source
    globs: Globs
    entered: set[str] = field(default_factory=set)
    """Real paths of the folders walked so far."""
    links: list[tuple[Path, str]] = field(default_factory=list)
    """Links to folders, kept until all real folders have been walked."""


def walk_folder(source: Source) -> Iterator[Found]:
    """Every file below the source's path that its globs admit, in order of their names."""
    for place in files(source):
        if isinstance(place, Unreadable):
            yield place
        else:
            yield from walk_file(source, *place)


def files(source: Source) -> Iterator[tuple[Path, str] | Unreadable]:
    """The same files by path and path relative to the source, none of them opened."""
    walk = _Walk(source, Globs.of(source.include, source.exclude))
    yield from _folder(walk, source.path, "")
    while walk.links:
        path, relative = walk.links.pop(0)
        real = os.path.realpath(path)
        if real not in walk.entered:
            yield from _folder(walk, path, relative)
        elif Path(real) in Path(os.path.realpath(path.parent), path.name).parents:
            reason = f"is a link to {real}, the folder that holds it: a loop, not followed"
            yield Unreadable(str(path), reason, source.name)


def walk_file(source: Source, path: Path, relative: str) -> Iterator[Found]:
    """One file, as an item or as the reason why it is none; records when it is JSONL."""
    kind = media_type(relative)
    if kind == JSONL:
        yield from walk_records(source, path, str(path))
        return
    name = source.prefix + relative
    try:
        content = _read(path, source)
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            reason = f"is a broken link to {path.readlink()}"
            yield Unreadable(str(path), reason, source.name, covers=name)
        return
    except OSError as error:
        yield Unreadable(str(path), _reason(error), source.name, covers=name)
        return
    if isinstance(content, str):
        yield Unreadable(str(path), content, source.name, covers=name)
    else:
        kind = kind or PLAIN
        yield Item(name, str(path), source, kind, content, fingerprint(content, source, kind))


def _folder(walk: _Walk, folder: Path, relative: str) -> Iterator[tuple[Path, str] | Unreadable]:
    walk.entered.add(os.path.realpath(folder))
    try:
        with os.scandir(folder) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = _reason(error)
        yield Unreadable(str(folder), reason, walk.source.name, covers=walk.source.prefix + relative, whole=True)
        return
    for entry in names:
        if entry.name in JUNK or (entry.name.startswith(".") and not walk.globs.hidden):
            continue
        path, below = folder / entry.name, relative + entry.name
        if not _is_unicode(entry.name):
            if not walk.source.include and media_type(entry.name) is None:
                continue
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            yield Unreadable(shown, "has a name that is not valid Unicode; rename it", walk.source.name)
        elif entry.is_dir(follow_symlinks=False):
            if walk.globs.enters(below) and os.path.realpath(path) not in walk.entered:
                yield from _folder(walk, path, f"{below}/")
        elif _leads_to_folder(entry):
            if walk.globs.enters(below):
                walk.links.append((path, f"{below}/"))
        elif _admitted(walk, below):
            yield path, below


def _admitted(walk: _Walk, relative: str) -> bool:
    known = media_type(relative)
    if not walk.source.include and known in (None, JSONL):
        return False
    return walk.globs.admits(relative)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False


def _read(path: Path, source: Source) -> bytes | str:
    """The content; a string says why there is none."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        return NO_FILE
    if about.st_size > source.max_bytes:
        return (
            f"has {about.st_size / 1e6:,.0f} MB, more than the {source.max_bytes / 1e6:,.0f} MB that source "
            f"{source.name!r} allows; raise its max_bytes, or exclude the file"
        )
    return path.read_bytes()


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return "may not be read: permission denied; grant the right, or exclude it"
        case errno.ELOOP:
            return "is a link in a circle of links; not followed"
        case _:
            return f"cannot be read: {error.strerror or error}"
