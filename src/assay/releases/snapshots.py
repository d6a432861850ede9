"""Releases that can be built again: the files that each was made from, and names that point at them.

A release's digest says what answers; the files here say how to make it again on this machine, where the
documents and the state are. A name such as ``live`` points at one release at a time.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Double, String, Table, Text, delete, insert, select

from assay.errors import InputError, NotFound
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.reading import NoFile, interpreted
from assay.stores.database import Database, by_prefix, insert_missing, schema

# Never to be mistaken for git:REVISION or for a file.
_SAYABLE = re.compile(r"[A-Za-z][\w.-]{0,99}")
LIVE = "live"
"""The release that users are answered by: what ``assay serve`` started with last, or what it was set to."""
_SCHEMA = schema("releases", 1)
_FILES = Table(
    "release_files",
    _SCHEMA,
    Column("digest", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("prompt", Text),
    Column("kept", Double, nullable=False),
)
_NAMES = Table(
    "release_names",
    _SCHEMA,
    Column("name", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("since", Double, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A release whose files are kept; ``kept`` is in seconds since the epoch, ``names`` what points at it."""

    digest: str
    kept: float
    names: tuple[str, ...]


class Snapshots:
    """The kept releases of one application. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def keep(self, project: Project) -> str:
        """Keep the files of a project's release; keeping them again changes nothing. Returns the digest."""
        row = {
            "digest": project.release.digest,
            "text": project.file.text,
            "prompt": project.file.prompt_text,
            "kept": time.time(),
        }
        with self._database.write() as connection:
            insert_missing(connection, _FILES, [row])
        return project.release.digest

    def name(self, name: str, digest: str) -> None:
        """Let a name point at a kept release. Raises InputError for what cannot be a name."""
        if not _SAYABLE.fullmatch(name) or name.endswith(".toml"):
            raise InputError(f"{name!r} cannot name a release: take letters, digits, -, _ and ., such as live-2")
        with self._database.write() as connection:
            connection.execute(delete(_NAMES).where(_NAMES.c.name == name))
            connection.execute(insert(_NAMES), [{"name": name, "digest": digest, "since": time.time()}])

    def find(self, name: str) -> str:
        """The digest that a name points at, or the only one that begins so.

        Raises NotFound, and InputError where several begin so.
        """
        wanted = name.strip().lower()
        with self._database.read() as connection:
            named = connection.execute(select(_NAMES.c.digest).where(_NAMES.c.name == name)).scalar()
            if named is not None:
                return str(named)
            query = select(_FILES.c.digest).where(by_prefix(_FILES.c.digest, wanted)).order_by("digest").limit(2)
            found = connection.execute(query).scalars().all() if wanted else []
        if name == LIVE:
            raise NotFound("no release is live yet: `assay serve` makes one, or `assay release name live [DIGEST]`")
        if not found:
            raise NotFound(f"no release is kept under {name!r}; `assay release list` shows them")
        if len(found) > 1 and found[0] != wanted:
            raise InputError(f"{name!r} names several releases, {found[0][:16]} and {found[1][:16]}; give more digits")
        return str(found[0])

    def load(self, digest: str, project: Project) -> Project:
        """The project as its files were in a kept release: same place, same documents, same state.

        Raises NotFound, and ConfigError where this version of Assay cannot read the file.
        """
        with self._database.read() as connection:
            row = connection.execute(select(_FILES).where(_FILES.c.digest == digest)).one_or_none()
        if row is None:
            raise NotFound(f"the files of release {digest[:12]} are not kept here")

        def prompt(path: Path) -> str:
            if row.prompt is None:
                raise NoFile("there is no such file", path=str(path))
            return str(row.prompt)

        return Project(interpreted(row.text, project.file.path, f"release {digest[:12]}", prompt))

    def list(self) -> tuple[Kept, ...]:
        """All kept releases, newest first."""
        with self._database.read() as connection:
            names: dict[str, list[str]] = {}
            for row in connection.execute(select(_NAMES).order_by(_NAMES.c.name)):
                names.setdefault(row.digest, []).append(row.name)
            rows = connection.execute(select(_FILES.c.digest, _FILES.c.kept).order_by(_FILES.c.kept.desc()))
            return tuple(Kept(row.digest, row.kept, tuple(names.get(row.digest, ()))) for row in rows)


def at_revision(project: Project, revision: str) -> Project:
    """The project as its files are in a revision of the git repository around them.

    Raises InputError where there is no repository, no such revision, or no such file in it.
    """
    folder = project.file.directory.resolve()
    top = Path(_git(folder, "rev-parse", "--show-toplevel").strip())

    def show(path: Path) -> str:
        if not path.resolve().is_relative_to(top):
            raise InputError(f"{path} lies outside of the repository {top}")
        inside = path.resolve().relative_to(top).as_posix()
        return _git(folder, "show", f"{revision}:{inside}").replace("\r\n", "\n").removeprefix("\ufeff")

    _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", missing=f"git knows no {revision!r}")
    return Project(interpreted(show(project.file.path), project.file.path, f"git:{revision}", show))


def _git(folder: Path, *arguments: str, missing: str | None = None) -> str:
    try:
        ended = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror}; install it, or name a kept release") from error
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip()
        raise InputError(missing or f"git {arguments[0]}: {said or 'failed'}")
    return ended.stdout.decode("utf-8", errors="replace")


def keep(project: Project, *, name: str | None = None) -> None:
    """Keep a project's release in its state, and let ``name`` point at it. Raises StoreError."""
    opened = database(project)
    try:
        snapshots = Snapshots(opened)
        digest = snapshots.keep(project)
        if name is not None:
            snapshots.name(name, digest)
    finally:
        opened.close()
