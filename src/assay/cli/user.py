"""Who is at the terminal."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """The user's name: ``ASSAY_USER`` where it is set, else as the system knows it; ``me`` where it knows none."""
    if named := os.environ.get("ASSAY_USER", "").strip():
        return named
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "me"
