"""What a person calls a release: ``live``, a tag, the beginning of a digest, ``git:REVISION``, a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assay.errors import NotFound
from assay.releases.history.registry import Registry, buildable, opened_registry, under_present_code
from assay.releases.history.snapshots import at_revision
from assay.releases.project import Project
from assay.releases.release import Release

THIS_FILE = "this file"
GIT = "git:"


@dataclass(frozen=True, slots=True)
class Referred:
    """A release under the name that it was asked for by. ``digest`` is set where it is a kept one."""

    name: str
    release: Release
    digest: str | None = None

    @property
    def short(self) -> str:
        return (self.digest or self.release.digest)[:12]

    def __str__(self) -> str:
        return f"{self.name} ({self.short})" if self.name != self.short else self.short


def refer(registry: Registry, project: Project, name: str = "") -> Referred:
    """The release that ``name`` means; empty is this file's. A kept one is told by its kept bytes.

    Raises NotFound, InputError, ConfigError, StoreError.
    """
    if not name:
        return Referred(THIS_FILE, project.release)
    outside = _outside(project, name)
    if outside is not None:
        return Referred(name, outside.release)
    try:
        digest = registry.snapshots.find(name)
    except NotFound:
        # The file's own release can be named by its digest before it is kept.
        if len(name) >= 4 and project.release.digest.startswith(name.lower()):
            return Referred(THIS_FILE, project.release)
        raise
    release = registry.release(digest, project)
    return Referred(digest[:12] if digest.startswith(name.lower()) else name, release, digest)


def project_of(project: Project, name: str) -> tuple[Project, str | None]:
    """The files of the release that ``name`` means, to be built, and what a person should know first.

    Raises NotFound, ConfigError, StoreError, and InputError where this version of Assay cannot build it.
    """
    outside = _outside(project, name)
    if outside is not None:
        return outside, None
    with opened_registry(project) as registry:
        found = refer(registry, project, name)
        if found.digest is None:
            return project, None
        built = buildable(registry, found.digest, project)
        return built, under_present_code(found.release, built)


def _outside(project: Project, name: str) -> Project | None:
    """The project of a revision or of a file; None for what must be kept here."""
    if name.startswith(GIT):
        return at_revision(project, name.removeprefix(GIT))
    if name.endswith(".toml") or "/" in name:
        return Project.load(Path(name))
    return None
