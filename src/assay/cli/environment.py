"""``assay environment``: what is live where, since when and by what, and how much risk a quarter has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, note, out

if TYPE_CHECKING:
    from assay.rollouts.overview import Opened

PRODUCTION = "production"


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="What is live where; a release live at once; the risk budget.")
    group.command("list")(environment_list)
    group.command("show")(environment_show)
    group.command("deploy")(environment_deploy)
    group.command("risk")(environment_risk)
    cli.add_typer(group, name="environment")


def environment_list(file: File = None, as_json: AsJson = False) -> None:
    """List the environments: what is live there, since when, and what is under way."""
    from assay.cli.rollout_tables import environment_lines
    from assay.releases.history.environments import ENVIRONMENTS
    from assay.releases.project import Project
    from assay.rollouts.overview import opened

    project = Project.load(file)
    found = []
    for name in ENVIRONMENTS:
        with opened(project, name) as environment:
            found.append(_told(environment))
    if as_json:
        emit(found)
        return
    for each in found:
        for line in environment_lines(each, this_file=str(project.release.digest)):
            out.print(line, markup=False, highlight=False)


def environment_show(
    name: Annotated[str, typer.Argument(help="production or staging.")] = PRODUCTION,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show an environment, and every release that has been live there."""
    from assay.cli.rollout_tables import environment_lines, lived_lines
    from assay.releases.project import Project
    from assay.rollouts.overview import lived, opened

    project = Project.load(file)
    with opened(project, name) as environment:
        told = _told(environment)
        past = lived(environment.log.entries())
    if as_json:
        history = [{"release": each.release, "since": each.at, "how": each.how} for each in reversed(past)]
        emit(told | {"history": history})
        return
    for line in (*environment_lines(told, this_file=str(project.release.digest)), *lived_lines(past)):
        out.print(line, markup=False, highlight=False)


def environment_deploy(
    release: Annotated[
        str, typer.Argument(help="A kept release, git:REVISION, a file. [default: this file's]", show_default=False)
    ] = "",
    why: Annotated[str, typer.Option("--why", "-m", metavar="WHY", help="The reason, for those who ask later.")] = "",
    environment: Environment = PRODUCTION,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Make a release live at once, without evidence: the first one, or the old one in an emergency."""
    from assay.cli.user import user
    from assay.errors import InputError
    from assay.releases.history.snapshots import keep
    from assay.releases.project import Project
    from assay.rollouts.overview import lived, opened
    from assay.rollouts.starting import candidate_of, check_opens
    from assay.rollouts.steering import deploy

    if not why.strip():
        raise InputError("say why this goes live without a rollout: -m WHY")
    project = Project.load(file)
    candidate = candidate_of(project, release)
    for notice in candidate.notices:
        note(notice)
    with opened(project, environment) as opened_environment:
        log = opened_environment.log
        before = log.traffic().live
        if (other_index := check_opens(candidate.project)) is not None:
            note(other_index)
        keep(candidate.project)
        deploy(log, candidate.release, why=why, by=user())
        told = _told(opened_environment)
        first = len(lived(log.entries())) == 1
    if as_json:
        emit(told)
        return
    out.print(f"release {candidate.release[:12]} is live in {environment}", markup=False)
    if before is not None:
        note(f"before it was {before[:12]}; `assay environment deploy {before[:12]} -m WHY` brings that back")
    elif first:
        note("from here on a change of the file reaches users by `assay rollout start`")


def environment_risk(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Show the quarter's risk budget: what each rollout was charged, and what is left."""
    import time

    from assay.cli.rollout_tables import risk_lines
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.planning.risk import begins, charges, following, quarter_of

    project = Project.load(file)
    plan = project.manifest.rollout
    quarter = quarter_of(time.time())
    with opened(project, environment) as found:
        charged = charges(found.log.entries(), quarter, plan.risk_per_quarter)
        told = {"environment": environment, **_told(found)["risk"], "charges": [each.as_dict() for each in charged]}
    if as_json:
        emit(told)
        return
    renewed = begins(following(quarter))
    for line in risk_lines(environment, quarter, plan.risk_per_quarter, charged, renewed=renewed):
        out.print(line, markup=False, highlight=False)


def _told(opened: Opened) -> dict[str, Any]:
    """An environment as JSON."""
    import time

    from assay.rollouts.overview import lived
    from assay.rollouts.planning.risk import quarter_of

    traffic = opened.log.traffic()
    past = lived(opened.log.entries())
    rollout, experiment = traffic.rollout, traffic.experiment
    quarter = quarter_of(time.time())
    budget = opened.project.manifest.rollout.risk_per_quarter
    spent = traffic.spent.get(quarter, 0.0)
    return {
        "environment": traffic.environment,
        "live": traffic.live,
        "since": past[-1].at if past else None,
        "how": past[-1].how if past else None,
        "rollout": rollout.id if rollout else None,
        "candidate": rollout.candidate if rollout else None,
        "share": rollout.share if rollout else None,
        "experiment": experiment.id if experiment else None,
        "risk": {"quarter": quarter, "budget": budget, "spent": spent, "left": max(0.0, budget - spent)},
    }
