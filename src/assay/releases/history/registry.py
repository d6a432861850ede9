"""The releases of an application: who made which, when and why, where each is live, and what each is.

A release is *kept* when it answers for the first time, and *created* when somebody says so, with a reason. Creating
is an event of the stream ``releases``; moving a tag is another. Events are never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from assay.errors import ConfigError, InputError, NotFound, StoreError
from assay.releases.history.environments import ENVIRONMENTS, PRODUCTION, Pointed, point, pointer, unpoint
from assay.releases.history.snapshots import Kept, Snapshots, check_name
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.release import Release
from assay.releases.store import ReleaseStore
from assay.stores.blobs import BlobStore
from assay.stores.database import Database
from assay.stores.events import Conflict, EventLog, Recorded

STREAM = "releases"
TRIES = 20
"""Of an append that another process may overtake."""


@dataclass(frozen=True, slots=True)
class Created:
    """That a release was created. ``at`` is in seconds since the epoch, ``why`` may be empty; ``git`` is the commit
    of the files, followed by ``+changes`` where they differ from it, None outside of a repository; ``parent`` the
    release that was live then, or else the last one created, None for the first."""

    release: str
    at: float
    by: str
    why: str
    git: str | None
    parent: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": self.at, "by": self.by, "why": self.why, "git": self.git, "parent": self.parent}


@dataclass(frozen=True, slots=True)
class Entry:
    """One release as the list shows it. ``at`` is when it was created, or else kept."""

    digest: str
    kept: float
    created: Created | None
    tags: tuple[str, ...]
    environments: tuple[str, ...]

    @property
    def at(self) -> float:
        return self.created.at if self.created else self.kept

    @property
    def why(self) -> str:
        return self.created.why if self.created else ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "digest": self.digest,
            "kept": self.kept,
            "names": [*self.environments, *self.tags],
            "tags": list(self.tags),
            "environments": list(self.environments),
            "created": self.created.as_dict() if self.created else None,
        }


class Registry:
    """The releases in one application's state. Every method may raise StoreError."""

    def __init__(self, opened: Database) -> None:
        self.snapshots = Snapshots(opened)
        self._releases = ReleaseStore(BlobStore(opened))
        self._log = EventLog(opened)

    def create(self, project: Project, *, why: str, by: str, git: str | None) -> tuple[Created, bool]:
        """Keep a project's release, its bytes and its files, and write down who made it and why.

        The same release again changes nothing: what was written first is returned, with False.
        """
        self._releases.keep(project.release)
        digest = str(project.release.digest)
        for _ in range(TRIES):
            events = self._log.read(STREAM)
            known = _created(events)
            if digest in known:
                return known[digest], False
            live = self.snapshots.names().get(PRODUCTION)
            parent = live.digest if live else next(reversed(known), None)
            event = {"kind": "created", "release": digest, "by": by, "why": why, "git": git, "parent": parent}

            def keep(connection: Connection) -> None:
                self.snapshots.keep_in(connection, project)

            try:
                self._log.append(STREAM, [event], expected=len(events), also=keep)
            except Conflict:
                continue
            return self.created()[digest], True
        raise StoreError("the list of releases is being written by many others; try again")

    def keep(self, project: Project) -> str:
        """Keep a project's release, its bytes and its files, without saying that it was created."""
        self._releases.keep(project.release)
        return self.snapshots.keep(project)

    def created(self) -> Mapping[str, Created]:
        """What was created, by digest, oldest first."""
        return _created(self._log.read(STREAM))

    def entries(self) -> tuple[Entry, ...]:
        """Every kept release, newest first."""
        created = self.created()
        found = [_entry(kept, created.get(kept.digest)) for kept in self.snapshots.list()]
        return tuple(sorted(found, key=lambda entry: (-entry.at, entry.digest)))

    def release(self, digest: str, project: Project) -> Release:
        """A kept release by its bytes; where only its files are kept, what they give under the present code.

        Raises NotFound, StoreError, and ConfigError where neither can be read.
        """
        try:
            return self._releases.get(digest)
        except NotFound:
            return self.snapshots.load(digest, project).release

    def tag(self, name: str, digest: str, *, by: str) -> Pointed | None:
        """Let a name point at a kept release. Returns what it pointed at before. Raises InputError."""
        check_name(name)
        before = self.snapshots.names().get(pointer(name))
        event = {
            "kind": "tagged",
            "name": pointer(name),
            "release": digest,
            "by": by,
            "before": before.digest if before else None,
        }
        if before is None or before.digest != digest:
            self._log.append(STREAM, [event], also=lambda connection: point(connection, name, digest))
        return before

    def untag(self, name: str, *, by: str) -> str:
        """Delete a name; returns what it pointed at. Raises NotFound, and InputError for an environment."""
        if pointer(name) in ENVIRONMENTS:
            raise InputError(f"{name} is an environment and cannot be deleted; let it point at another release")
        held = self.snapshots.names().get(name)
        if held is None:
            raise NotFound(f"no release is tagged {name!r}; `assay release list` shows the tags")
        event = {"kind": "untagged", "name": name, "by": by, "before": held.digest}

        def forget(connection: Connection) -> None:
            unpoint(connection, name)

        self._log.append(STREAM, [event], also=forget)
        return held.digest


@contextmanager
def opened_registry(project: Project) -> Iterator[Registry]:
    """The releases of an application. Raises StoreError."""
    opened = database(project)
    try:
        yield Registry(opened)
    finally:
        opened.close()


def under_present_code(kept: Release, project: Project) -> str | None:
    """What a person should know before a kept release's files run here, None where they are that very release.

    ``project`` is the release's, as ``Snapshots.load`` gives it.
    """
    if project.release.digest == kept.digest:
        return None
    from assay.releases.history.differences import differences

    was, now = kept.content(), project.release.content()
    changed = [change.key for change in differences(was, now) if change.group != "Code"]
    code = "other code" if was.get("code") != now.get("code") else "the same code"
    version = was.get("code", {}).get("version")
    told = f", where {', '.join(changed)} now {'are' if len(changed) > 1 else 'is'} otherwise" if changed else ""
    return (
        f"release {kept.short} was made by {code} (assay {version}); its files run under the present code, "
        f"as release {project.release.short}{told}"
    )


def buildable(registry: Registry, digest: str, project: Project) -> Project:
    """The project of a kept release. Raises NotFound; ConfigError naming what can still be done with it."""
    try:
        return registry.snapshots.load(digest, project)
    except ConfigError as error:
        raise InputError(
            f"release {digest[:12]} cannot be built by this version of Assay, only shown: {error}"
        ) from error


def _created(events: list[Recorded]) -> dict[str, Created]:
    found: dict[str, Created] = {}
    for recorded in events:
        event = recorded.event
        if event["kind"] == "created":
            digest = str(event["release"])
            made = Created(digest, recorded.at, event["by"], event["why"], event["git"], event["parent"])
            found.setdefault(digest, made)
    return found


def _entry(kept: Kept, created: Created | None) -> Entry:
    return Entry(
        kept.digest,
        kept.kept,
        created,
        tuple(name for name in kept.names if name not in ENVIRONMENTS),
        tuple(name for name in kept.names if name in ENVIRONMENTS),
    )
