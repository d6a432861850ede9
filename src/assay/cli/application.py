"""``assay init``: a new application, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import AsJson
from assay.cli.output import emit, out


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(init)


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write the application.")],
    source: Annotated[Path, typer.Option("--from", help="The folder, file or .jsonl to answer from.")],
    name: Annotated[str, typer.Option(help="The application's name. [default: the directory's]")] = "",
    as_json: AsJson = False,
) -> None:
    """Write an application: assay.toml with every key explained, a prompt, an example dataset."""
    from assay.releases.file.scaffold import scaffold

    written = scaffold(directory, source, name or directory.resolve().name)
    if as_json:
        emit({"written": [str(path) for path in written]})
        return
    for path in written:
        out.print(f"wrote {path}", markup=False)
    out.print(f"\nnext:  cd {directory} && assay ingest && assay ask 'your question'", markup=False)
