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
    release.command("list")(release_list)
    release.command("name")(release_name)
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


def release_list(file: File = None, as_json: AsJson = False) -> None:
    """List the releases whose files are kept: whatever has answered here, newest first."""
    from contextlib import closing
    from dataclasses import asdict
    from datetime import datetime

    from assay.releases.parts import database
    from assay.releases.project import Project
    from assay.releases.snapshots import Snapshots

    project = Project.load(file)
    with closing(database(project)) as opened:
        kept = Snapshots(opened).list()
    if as_json:
        emit([asdict(each) for each in kept])
        return
    for each in kept:
        when = datetime.fromtimestamp(each.kept).strftime("%Y-%m-%d %H:%M")
        names = [*each.names, *(["this file"] if each.digest == project.release.digest else [])]
        out.print(f"{each.digest[:12]}  {when}  {', '.join(names)}", markup=False)
    if not kept:
        out.print("no release is kept yet: one is with its first answer", markup=False)


def release_name(
    name: Annotated[str, typer.Argument(help="The name, such as live.")],
    digest: Annotated[str, typer.Argument(help="A kept release. [default: this file's]", show_default=False)] = "",
    file: File = None,
) -> None:
    """Let a name point at a release, for `assay eval --against NAME`."""
    from contextlib import closing

    from assay.releases.parts import database
    from assay.releases.project import Project
    from assay.releases.snapshots import Snapshots

    project = Project.load(file)
    with closing(database(project)) as opened:
        snapshots = Snapshots(opened)
        found = snapshots.find(digest) if digest else snapshots.keep(project)
        snapshots.name(name, found)
    out.print(f"{name} is release {found[:12]}", markup=False)
