"""``assay prompt``: what models are told, now and in every release before."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, out
from assay.errors import NotFound


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="What models are told, and how that has changed.")
    group.command("list")(list_prompts)
    group.command("log")(log)
    group.command("diff")(diff)
    cli.add_typer(group, name="prompt")


def list_prompts(file: File = None, as_json: AsJson = False) -> None:
    """List the prompts of the application's file."""
    from assay.releases.history.prompts import listed
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_registry(project) as registry:
        found = listed(registry, project)
    if as_json:
        emit([each.as_dict() for each in found])
        return
    for each in found:
        about = "" if each.exact else "about "
        releases = "1 release" if each.releases == 1 else f"{each.releases} releases"
        out.print(each.prompt.path, style="bold", markup=False)
        out.print(
            f"  {each.prompt.digest[:12]}  {about}{each.tokens} tokens  in {releases}  "
            f"{', '.join(f'{{{{{name}}}}}' for name in each.variables)}",
            markup=False,
        )


def log(
    path: Annotated[str, typer.Argument(help="A prompt's path. [default: every prompt]", show_default=False)] = "",
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Tell the history of each prompt across the releases that are kept, newest first."""
    from rich.markup import escape

    from assay.cli.release_lines import when
    from assay.releases.file.sections import normal_path
    from assay.releases.history.prompts import log as revisions
    from assay.releases.history.prompts import paths
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_registry(project) as registry:
        every = revisions(registry, project)
    wanted = path if not path or path in paths(every) else normal_path(path)
    if path and wanted not in paths(every):
        known = ", ".join(paths(every)) or "none"
        raise NotFound(f"no kept release has a prompt {path!r}; there are: {known}")
    found = [each for each in every if not path or each.prompt.path == wanted]
    if as_json:
        emit([each.as_dict() for each in found])
        return
    for each_path in paths(found):
        out.print(each_path, style="bold", markup=False)
        for each in found:
            if each.prompt.path != each_path:
                continue
            words = f"[green]+{each.inserted}[/] [red]−{each.deleted}[/] words"
            if each.first:
                words = f"{each.inserted} words"
            more = f"  [dim]({each.releases} releases)[/]" if each.releases > 1 else ""
            out.print(
                f"  {each.entry.digest[:12]}  {when(each.entry.at)}  {words}{more}  {escape(each.entry.why)}",
                emoji=False,
            )
    if not found:
        out.print("no release is kept yet: `assay release create` makes one")


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A release: live, a tag, a digest, git:REVISION, a file.")],
    b: Annotated[str, typer.Argument(metavar="[B]", help="The same. [default: this file]", show_default=False)] = "",
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show word by word how the prompts of two releases differ."""
    from assay.cli.release_lines import word_lines
    from assay.releases.history.prompts import told
    from assay.releases.history.reference import refer
    from assay.releases.history.registry import opened_registry
    from assay.releases.history.word_diff import word_diff
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_registry(project) as registry:
        old, new = refer(registry, project, a), refer(registry, project, b)
    before, after = told(old.release.content(), None), told(new.release.content(), None)
    parts = {"system": (before.system, after.system), "user": (before.user, after.user)}
    if as_json:
        words = {name: [{piece.kind: piece.text} for piece in word_diff(*both)] for name, both in parts.items()}
        emit({"a": old.digest or old.release.digest, "b": new.digest or new.release.digest, **words})
        return
    out.print(f"{old}  →  {new}", style="bold", markup=False)
    for name, (one, other) in parts.items():
        if one != other:
            for line in word_lines(name, one, other):
                out.print(line, emoji=False)
    if before.digest == after.digest:
        out.print("both tell the same", markup=False)
