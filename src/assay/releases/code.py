"""Which code answers: the package's version and the digest of its source files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import assay
from assay.digest import Digest, digest, digest_bytes

NO_ANSWERS = frozenset({"cli", "evaluation", "rollouts", "serving", "statistics", "testing"})
"""Rooms that ask, measure or show; what is answered does not depend on them."""


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """``source`` differs between two checkouts of one version that differ in any source file."""

    version: str
    source: Digest

    def as_dict(self) -> dict[str, str]:
        return {"version": self.version, "source": self.source}


@cache
def installed() -> CodeVersion:
    """The code that is running, read from its files: some milliseconds. Read once: what is written over the files
    later is not what this process runs."""
    return CodeVersion(assay.__version__, digest_source(Path(assay.__file__).parent))


def digest_source(folder: Path) -> Digest:
    """SHA-256 over the relative paths and contents of a package's Python files, but for rooms that no answer
    passes through (NO_ANSWERS): else a new report would make a new release, and everything be asked again.

    Line ends are counted as line feeds, so that a checkout on another system is the same code.
    """
    return digest(
        {
            file.relative_to(folder).as_posix(): digest_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
            for file in folder.rglob("*.py")
            if file.relative_to(folder).parts[0] not in NO_ANSWERS
        }
    )
