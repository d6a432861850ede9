"""``assay init`` and ``assay release``: the application as files, and as one digest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, out


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(init)
    release = typer.Typer(no_args_is_help=True, help="The configuration that answers, under one digest.")
    release.command("show")(release_show)
    cli.add_typer(release, name="release")


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write the application.")],
    source: Annotated[Path, typer.Option("--from", help="The folder, file or .jsonl to answer from.")],
    name: Annotated[str, typer.Option(help="The application's name. [default: the directory's]")] = "",
    as_json: AsJson = False,
) -> None:
    """Write an application: assay.toml with every key explained, a prompt, an example dataset."""
    from assay.releases.scaffold import scaffold

    written = scaffold(directory, source, name or directory.resolve().name)
    if as_json:
        emit({"written": [str(path) for path in written]})
        return
    for path in written:
        out.print(f"wrote {path}", markup=False)
    out.print(f"\nnext:  cd {directory} && assay ingest && assay ask 'your question'", markup=False)


def release_show(file: File = None, as_json: AsJson = False) -> None:
    """Print the release that the application's file describes, with its digest."""
    from assay.releases.project import Project

    release = Project.load(file).release
    if as_json:
        emit(release.as_dict())
        return
    out.print(f"release {release.digest}", style="bold")
    out.print(release.describe(), markup=False)
