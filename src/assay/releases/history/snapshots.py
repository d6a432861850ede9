"""Releases that can be built again: the files that each was made from, and names that point at them.

A release's digest says what answers; the files here say how to make it again on this machine, where the
documents and the state are. A name such as ``live`` points at one release at a time.
"""

from __future__ import annotations

import re
import subprocess
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Double, String, Table, Text, select

from assay.errors import InputError, NotFound
from assay.releases.file.reading import NoFile, interpreted
from assay.releases.file.sections import normal_path
from assay.releases.history.environments import (
    ENVIRONMENTS,
    LIVE,
    NAMES,
    PRODUCTION,
    SCHEMA,
    Pointed,
    adopt,
    point,
    pointer,
    pointers,
)
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.store import ReleaseStore
from assay.stores.blobs import BlobStore
from assay.stores.database import Database, by_prefix, insert_missing

__all__ = ["LIVE", "Kept", "Snapshots", "at_revision", "check_name", "commit", "keep"]

# Never to be mistaken for git:REVISION, for a file, or for the beginning of a digest that is kept later.
_SAYABLE = re.compile(r"[A-Za-z][\w.-]{0,99}", re.ASCII)
_DIGITS = re.compile(r"[0-9a-f]{4,}", re.IGNORECASE)
_FILES = Table(
    "release_files",
    SCHEMA,
    Column("digest", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("prompt", Text),
    Column("kept", Double, nullable=False),
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
        database.ensure(SCHEMA)
        with database.read() as connection:
            early = connection.execute(select(NAMES.c.name).where(NAMES.c.name == LIVE)).scalar()
        if early is not None:
            with database.write() as connection:
                adopt(connection)

    def keep(self, project: Project) -> str:
        """Keep the files of a project's release; keeping them again changes nothing. Returns the digest."""
        with self._database.write() as connection:
            self.keep_in(connection, project)
        return project.release.digest

    def keep_in(self, connection: Connection, project: Project) -> None:
        """The same in a write transaction that is open."""
        row = {
            "digest": project.release.digest,
            "text": project.file.text,
            "prompt": project.file.prompt_text,
            "kept": time.time(),
        }
        insert_missing(connection, _FILES, [row])

    def name(self, name: str, digest: str) -> None:
        """Let a name point at a kept release; ``live`` is ``production``. Raises InputError for what cannot be
        a name."""
        check_name(name)
        with self._database.write() as connection:
            point(connection, name, digest)

    def names(self) -> Mapping[str, Pointed]:
        """Every name with the release that it points at, environments among them."""
        with self._database.read() as connection:
            return pointers(connection)

    def environments(self) -> Mapping[str, Pointed]:
        """The environments that point at a release."""
        return {name: pointed for name, pointed in self.names().items() if name in ENVIRONMENTS}

    def find(self, name: str) -> str:
        """The digest that a name points at, or the only one that begins so.

        Raises NotFound, and InputError where several begin so.
        """
        wanted = name.strip().lower()
        with self._database.read() as connection:
            named = connection.execute(select(NAMES.c.digest).where(NAMES.c.name == pointer(name))).scalar()
            if named is not None:
                return str(named)
            query = select(_FILES.c.digest).where(by_prefix(_FILES.c.digest, wanted)).order_by("digest").limit(2)
            found = connection.execute(query).scalars().all() if wanted else []
        if pointer(name) == PRODUCTION:
            raise NotFound("no release is live yet: `assay serve` makes one, or `assay environment deploy -m WHY`")
        if name in ENVIRONMENTS:
            raise NotFound(f"nothing is live in {name} yet: `assay environment deploy --environment {name} -m WHY`")
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

    def prompt_path(self, digest: str) -> str | None:
        """Where the file of a kept release says its prompt is; None where it names none, or cannot be read."""
        with self._database.read() as connection:
            text = connection.execute(select(_FILES.c.text).where(_FILES.c.digest == digest)).scalar()
        try:
            answer = tomllib.loads(text or "").get("answer", {})
        except tomllib.TOMLDecodeError:
            return None
        path = answer.get("prompt") if isinstance(answer, dict) else None
        return normal_path(path) if isinstance(path, str) else None

    def list(self) -> tuple[Kept, ...]:
        """All kept releases, newest first."""
        with self._database.read() as connection:
            names: dict[str, list[str]] = {}
            for name, pointed in pointers(connection).items():
                names.setdefault(pointed.digest, []).append(name)
            rows = connection.execute(select(_FILES.c.digest, _FILES.c.kept).order_by(_FILES.c.kept.desc()))
            return tuple(Kept(row.digest, row.kept, tuple(names.get(row.digest, ()))) for row in rows)


def check_name(name: str) -> None:
    """Raises InputError for what cannot name a release."""
    if not _SAYABLE.fullmatch(name) or name.endswith(".toml"):
        raise InputError(f"{name!r} cannot name a release: take letters, digits, -, _ and ., such as live-2")
    if _DIGITS.fullmatch(name):
        raise InputError(f"{name!r} cannot name a release: it reads like a digest; take another word")


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

    commit(project, revision)
    return Project(interpreted(show(project.file.path), project.file.path, f"git:{revision}", show))


def commit(project: Project, revision: str) -> str:
    """The full name of the commit that a revision of git names. Raises InputError."""
    folder = project.file.directory.resolve()
    missing = f"git knows no {revision!r}"
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", missing=missing).strip()


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
        ReleaseStore(BlobStore(opened)).keep(project.release)
        digest = snapshots.keep(project)
        if name is not None:
            snapshots.name(name, digest)
    finally:
        opened.close()
