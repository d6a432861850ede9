"""``assay release``: configurations that answer, each under one digest, from the first to the one in this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, note, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.releases.history.affected import Affected
    from assay.releases.history.differences import Change
    from assay.releases.history.reference import Referred
    from assay.releases.history.registry import Created, Registry
    from assay.releases.project import Project

_NAMED = "A tag, production or live, the beginning of a digest."
_ANY = f"{_NAMED[:-1]}, git:REVISION or a file."


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="The configurations that answer, each under one digest.")
    group.command("create")(create)
    group.command("list")(list_releases)
    group.command("show")(show)
    group.command("tag")(tag)
    group.command("name", hidden=True)(name)
    group.command("diff")(diff)
    cli.add_typer(group, name="release")


def create(
    from_git: Annotated[
        str,
        typer.Option("--from-git", metavar="REF", help="Read the files as this revision has them.", show_default=False),
    ] = "",
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="WHY", help="Why this release is made.", show_default=False)
    ] = "",
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Check the application's file entirely, keep it as a release, and write down who made it and why."""
    from assay.cli.user import user
    from assay.evaluation.artifacts.environment import git_revision
    from assay.releases.history.registry import opened_registry
    from assay.releases.history.snapshots import at_revision, commit
    from assay.releases.history.validating import validated
    from assay.releases.project import Project

    here = Project.load(file)
    project = at_revision(here, from_git) if from_git else here
    missing = validated(project, f"git:{from_git}" if from_git else None)
    git = commit(here, from_git) if from_git else git_revision(here.file.directory)
    with opened_registry(project) as registry:
        made, new = registry.create(project, why=" ".join(message.split()), by=user(), git=git)
        told, live = _against_live(registry, project)
    if as_json:
        emit(
            {"digest": made.release, "new": new, **made.as_dict(), "live": live}
            | {"differs": [change.as_dict() for change in told], "missing": list(missing)}
        )
        return
    _tell_created(project, made, told, new=new, live=live)
    for each in missing:
        note(each)
    _next(made.release, live, is_file=not from_git)


def _against_live(registry: Registry, project: Project) -> tuple[tuple[Change, ...], str | None]:
    """What differs from the live release, with its digest; None where nothing is live."""
    from assay.releases.history.differences import differences
    from assay.releases.history.environments import PRODUCTION

    live = registry.snapshots.names().get(PRODUCTION)
    if live is None:
        return (), None
    return differences(registry.release(live.digest, project).content(), project.release.content()), live.digest


def _tell_created(project: Project, made: Created, told: tuple[Change, ...], *, new: bool, live: str | None) -> None:
    from assay.cli.release_lines import summary, when

    out.print(f"release {made.release}", style="bold")
    if new:
        why = f", {made.why}" if made.why else ""
        git = f", from git {made.git[:12]}{'+changes' if made.git.endswith('+changes') else ''}" if made.git else ""
        out.print(f"created as {project.release.short}{why}{git}", markup=False)
    else:
        out.print(
            f"nothing has changed: {project.release.short} was created {when(made.at)} by {made.by}"
            + (f", {made.why}" if made.why else ""),
            markup=False,
        )
    if live is None:
        out.print("no release is live yet", markup=False)
    elif live == made.release:
        out.print("it is what is live", markup=False)
    else:
        out.print(f"differs from live ({live[:12]}) in {summary(told)}", markup=False)


def _next(digest: str, live: str | None, *, is_file: bool) -> None:
    if live == digest:
        return
    if live is None:
        out.print(f"\nnext:  assay environment deploy {digest[:12]} -m WHY", markup=False)
        return
    steps = ["assay eval --against live"] if is_file else [f"assay release diff live {digest[:12]}"]
    out.print("\nnext:  " + "\n       ".join([*steps, f"assay rollout start {digest[:12]}"]), markup=False)


def list_releases(file: File = None, as_json: AsJson = False) -> None:
    """List the releases that were created here or have answered, newest first."""
    from assay.cli.release_lines import release_lines
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_registry(project) as registry:
        entries = registry.entries()
    this = project.release.digest
    if as_json:
        emit([each.as_dict() | {"this_file": each.digest == this} for each in entries])
        return
    if not entries:
        out.print("no release is kept yet: `assay release create` makes one, and so does the first answer")
        return
    for line in release_lines(entries, this):
        out.print(line, emoji=False)
    if this not in {each.digest for each in entries}:
        note(f"this file is {this[:12]}, which is not kept yet: `assay release create -m WHY`")


def show(
    release: Annotated[str, typer.Argument(help=f"{_ANY} [default: this file's]", show_default=False)] = "",
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Print a release: what entered its digest, who made it and where it is live."""
    from assay.cli.release_lines import origin
    from assay.releases.history.reference import refer
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    project = Project.load(file)
    if not release and not project.database.exists():  # nothing is written for looking at a file
        found, entry = project.release, None
    else:
        with opened_registry(project) as registry:
            found = refer(registry, project, release).release
            entry = next((each for each in registry.entries() if each.digest == found.digest), None)
    if as_json:
        emit(found.as_dict() | {"registered": entry.as_dict() if entry else None})
        return
    out.print(f"release {found.digest}", style="bold")
    for line in origin(entry) if entry else ():
        out.print(line, markup=False)
    out.print(found.describe(), markup=False)


def tag(
    name: Annotated[str, typer.Argument(help="The tag, such as before-summer; or an environment.")],
    release: Annotated[str, typer.Argument(help=f"{_NAMED} [default: this file's]", show_default=False)] = "",
    delete: Annotated[bool, typer.Option("--delete", "-d", help="Delete the tag; the release stays.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Let a name point at a release; production and staging only as long as nothing is live there."""
    from assay.cli.user import user
    from assay.releases.history.environments import ENVIRONMENTS, pointer
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    if delete and release:
        raise InputError(f"--delete takes the name alone: assay release tag --delete {name}")
    project = Project.load(file)
    found: str | None = None
    before: str | None = None
    with opened_registry(project) as registry:
        if delete:
            before = registry.untag(name, by=user())
        else:
            found = registry.snapshots.find(release) if release else registry.keep(project)
            held = registry.snapshots.names().get(pointer(name))
            before = held.digest if held else None
            if pointer(name) in ENVIRONMENTS:
                _make_live(project, pointer(name), found, by=user())
            else:
                registry.tag(name, found, by=user())
    if as_json:
        emit({"name": name, "release": found, "before": before})
        return
    if found is None:
        out.print(f"{name} is gone; it was release {before[:12] if before else ''}", markup=False)
        return
    moved = f", it was {before[:12]}" if before and before != found else ""
    out.print(f"{name} is release {found[:12]}{moved}", markup=False)


def _make_live(project: Project, environment: str, digest: str, *, by: str) -> None:
    """Let an environment begin with a release. Raises InputError where users are answered by another: that is moved
    by evidence, or with a reason."""
    from assay.rollouts.overview import opened
    from assay.rollouts.traffic.events import Deployed
    from assay.stores.events import Conflict

    with opened(project, environment) as where:
        traffic = where.log.traffic()
        if traffic.live is None:
            try:
                where.log.append(traffic, Deployed(digest, "named with `assay release tag`", by))
                return
            except Conflict:
                traffic = where.log.traffic()
    if traffic.live != digest:
        live, this = (traffic.live or "")[:12], digest[:12]
        raise InputError(
            f"{environment} answers with release {live}: `assay rollout start {this}` moves it by evidence, "
            f"`assay environment deploy {this} --environment {environment} -m WHY` at once"
        )


def name(
    name: Annotated[str, typer.Argument(help="The name, such as live.")],
    digest: Annotated[str, typer.Argument(help="A kept release. [default: this file's]", show_default=False)] = "",
    file: File = None,
) -> None:
    """As `assay release tag`, which replaces it."""
    tag(name, digest, file=file)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=_ANY)],
    b: Annotated[str, typer.Argument(metavar="[B]", help="The same. [default: this file]", show_default=False)] = "",
    answers: Annotated[
        int, typer.Option("--answers", "-n", min=0, help="How many past answers of A to look at; 0 for none.")
    ] = 1000,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two releases, what that can alter, and which past answers it can affect."""
    from assay.releases.history.reference import refer
    from assay.releases.history.registry import opened_registry
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_registry(project) as registry:
        old, new = refer(registry, project, a), refer(registry, project, b)
    changes = _changes(project, old, new, a, b)
    found = _affected(project, old, new, changes, answers)
    if as_json:
        emit(_diff_as_dict(old, new, changes, found))
        return
    from assay.cli.release_lines import affected_lines, diff_lines

    out.print(f"{old}  →  {new}", style="bold", markup=False)
    for line in diff_lines(changes):
        out.print(line, emoji=False)
    if not any(change.group != "Alters no answer" for change in changes):
        out.print("the same release: nothing that can alter an answer differs", markup=False)
    elif found is not None:
        out.print()
        for line in affected_lines(found, old):
            out.print(line, emoji=False)


def _changes(project: Project, old: Referred, new: Referred, a: str, b: str) -> tuple[Change, ...]:
    """All changes, those that alter no answer last, as far as both files can be read."""
    from assay.errors import AssayError
    from assay.releases.history.differences import differences, silent
    from assay.releases.history.reference import project_of

    found = differences(old.release.content(), new.release.content())
    try:
        sides = [project_of(project, each)[0] if each else project for each in (a, b)]
    except AssayError:  # a release that can only be shown: its settings that alter no answer are not told
        return found
    return (*found, *silent(sides[0].manifest, sides[1].manifest))


def _affected(
    project: Project, old: Referred, new: Referred, changes: tuple[Change, ...], limit: int
) -> Affected | None:
    from contextlib import closing

    from assay.releases.history.affected import affected
    from assay.releases.history.past import documents, recorded
    from assay.releases.parts import database
    from assay.stores.traces import TraceStore

    if not changes or not limit:
        return None
    with closing(database(project)) as opened:
        answers = recorded(TraceStore(opened), old.digest or old.release.digest, limit)
        known = documents(opened)
    return affected(changes, old.release.content(), new.release.content(), answers, documents=known)


def _diff_as_dict(old: Referred, new: Referred, changes: tuple[Change, ...], found: Affected | None) -> dict[str, Any]:
    from assay.releases.history.word_diff import word_diff

    told = []
    for change in changes:
        row = change.as_dict()
        if change.group == "Prompt" and change.old and change.new and isinstance(change.old.value, str):
            pieces = word_diff(change.old.value, change.new.value)
            row["words"] = [{piece.kind: piece.text} for piece in pieces]
        told.append(row)
    return {
        "a": {"name": old.name, "digest": old.digest or old.release.digest},
        "b": {"name": new.name, "digest": new.digest or new.release.digest},
        "changes": told,
        "affected": found.as_dict() if found else None,
    }
