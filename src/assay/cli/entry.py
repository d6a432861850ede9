"""Where the command ``assay`` begins: before anything else is imported, so that Ctrl-C is an answer even then."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command line; see ``assay.cli.app``."""
    try:
        from assay.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
