"""Which release a command asks: the file's own, or one that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.output import note

if TYPE_CHECKING:
    from assay.releases.project import Project


def chosen(file: Path | None, release: str) -> Project:
    """The project to open; says where a kept release answers under other code than it was made by.

    Raises ConfigError, NotFound, InputError, StoreError.
    """
    from assay.releases.project import Project

    project = Project.load(file)
    if not release:
        return project
    # Only here: it brings the database's library, which a question to the file's own release does without.
    from assay.releases.history.reference import project_of

    built, notice = project_of(project, release)
    if notice is not None:
        note(notice)
    return built
