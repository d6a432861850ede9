"""``assay rollout``: a release on its way to users, started, looked at, steered and explained."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, err, note, out
from assay.cli.rollout_steering import say
from assay.errors import AssayError, InputError

if TYPE_CHECKING:
    from assay.releases.project import Project
    from assay.rollouts.overview import Opened
    from assay.rollouts.starting import Candidate, GateResult, Intent
    from assay.rollouts.traffic.state import Rollout

PRODUCTION = "production"
Release = Annotated[
    str,
    typer.Argument(
        metavar="[RELEASE]", help="A kept release, git:REVISION, a file. [default: this file's]", show_default=False
    ),
]
Why = Annotated[str, typer.Option("--why", "-m", metavar="WHY", help="The reason, for those who ask later.")]


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    from assay.cli import rollout_looking as looking
    from assay.cli import rollout_steering as steering

    group = typer.Typer(no_args_is_help=True, help="A release on its way to users, decided by evidence.")
    for looked in (preflight, start, looking.status, looking.watch, looking.why):
        group.command()(looked)
    group.command("list")(looking.rollout_list)
    for steered in (steering.abort, steering.pause, resume, steering.pin, steering.exclude):
        group.command()(steered)
    cli.add_typer(group, name="rollout")


def preflight(
    release: Release = "",
    answers_per_hour: Annotated[
        float | None, typer.Option(metavar="N", help="Your traffic. [default: as recorded]", show_default=False)
    ] = None,
    answers_per_user: Annotated[
        float, typer.Option(min=1, metavar="N", help="How many answers a user asks for in the time of a rollout.")
    ] = 1.0,
    rate: Annotated[
        list[str] | None,
        typer.Option(metavar="GUARD=VALUE", help="What live's share or mean of a guard is. Repeatable."),
    ] = None,
    feedback: Annotated[float, typer.Option(min=0, max=1, help="Share of users who give feedback.")] = 0.05,
    environment: Environment = PRODUCTION,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Say before the start what a rollout could find out at your traffic, how soon, and at what price."""
    from assay.cli.rollout_forecast import preflight_parts
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.planning.preflight import Given, preflight
    from assay.rollouts.starting import candidate_of, intended

    project = Project.load(file)
    given = Given(answers_per_hour, answers_per_user, _rates(rate or []), feedback)
    candidate = candidate_of(project, release)
    with opened(project, environment) as found:
        intent = intended(found.database, project, candidate, found.log.traffic(), at=time.time())
    for notice in (*candidate.notices, *intent.planned.notices):
        note(notice)
    knowledge, plan = intent.knowledge, intent.planned.plan
    forecast = preflight(plan, knowledge.history, given=given, judge_cost=knowledge.judge_cost)
    if as_json:
        emit(forecast.as_dict())
        return
    for part in preflight_parts(forecast, plan, out.width):
        out.print(part)


def start(
    release: Release = "",
    why: Why = "",
    skip_gate: Annotated[
        str | None, typer.Option("--skip-gate", metavar="WHY", help="Go without the offline gate.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    environment: Environment = PRODUCTION,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Send a release out against what is live: the offline gate, then shadow, then growing shares of users.

    Exits 1 where the gate fails, 2 where it is inconclusive. Killed on the way, the same command goes on.
    """
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.starting import candidate_of, skip, waiting_in_gate

    if skip_gate is not None and not skip_gate.strip():
        raise InputError("--skip-gate is empty; say why this release goes without its gate")
    project = Project.load(file)
    candidate = candidate_of(project, release)
    for notice in candidate.notices:
        note(notice)
    with opened(project, environment) as found:
        rollout = waiting_in_gate(found.log.traffic(), candidate.release)
        if rollout is not None:
            note(f"rollout {rollout.id} of this release is in its gate since {_day(rollout.started)}: going on")
        else:
            asked = sys.stdin.isatty() and not (yes or as_json)
            rollout = _set_out(found, candidate, why=why, skip_gate=skip_gate, asked=asked, quiet=quiet or as_json)
        if skip_gate is not None:
            result = skip(found.log, rollout, why=skip_gate, by=user())
        else:
            result = _gate(found, candidate.project, rollout, quiet=quiet or as_json)
        _end(found, rollout, result, as_json=as_json)


def resume(
    environment: Environment = PRODUCTION,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused rollout go on, or one that was killed in its gate."""
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.starting import resumed_candidate
    from assay.rollouts.steering import resume

    project = Project.load(file)
    with opened(project, environment) as found:
        rollout = found.log.traffic().rollout
        if rollout is not None and rollout.phase == "gate":
            if rollout.paused:
                resume(found.log, by=user())
            candidate = resumed_candidate(found.database, project, rollout)
            _end(found, rollout, _gate(found, candidate, rollout, quiet=quiet or as_json), as_json=as_json)
            return
        resumed = resume(found.log, by=user())
    say(f"rollout {resumed.id} goes on", {"rollout": resumed.id, "paused": False}, as_json=as_json)


def _rates(options: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for option in options:
        name, _, value = option.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"--rate {option!r}: write GUARD=VALUE, such as errors=0.02") from None
    return found


def _set_out(
    found: Opened, candidate: Candidate, *, why: str, skip_gate: str | None, asked: bool, quiet: bool
) -> Rollout:
    """Check all that can be checked, say what is about to happen, and start."""
    from assay.cli.user import user
    from assay.releases.history.snapshots import keep
    from assay.rollouts.starting import check_free, check_index, gate_of, intended, start

    traffic = found.log.traffic()
    check_free(traffic, candidate.release)
    intent = intended(found.database, found.project, candidate, traffic, at=time.time())
    if skip_gate is None:
        gate_of(candidate.project, traffic.live or "")
    check_index(candidate.project)
    keep(candidate.project)
    if not quiet:
        _introduce(found, candidate, intent)
    if asked and not typer.confirm("start?", err=True):
        note("nothing was started")
        raise typer.Exit(1)
    planned = intent.planned
    after = start(
        found.log,
        traffic,
        candidate=candidate.release,
        plan=planned.plan,
        risk=planned.allowance.alpha,
        quarter=planned.allowance.quarter,
        why=why,
        by=user(),
        skip_gate=skip_gate,
    )
    if not quiet:
        note(f"rollout {after.id} is started")
    return after


def _introduce(found: Opened, candidate: Candidate, intent: Intent) -> None:
    """What differs, what the rollout would find out, and what it would be charged: a few lines on standard error."""
    from assay.cli.rollout_forecast import differing, short_forecast
    from assay.cli.rollout_tables import folded
    from assay.rollouts.planning.preflight import preflight

    planned, knowledge, live = intent.planned, intent.knowledge, found.log.traffic().live or ""
    try:
        forecast = preflight(planned.plan, knowledge.history, judge_cost=knowledge.judge_cost)
        lines = list(short_forecast(forecast, planned.plan))
    except InputError as error:
        lines = [f"no forecast: {error}".replace("say it: --", "say it: assay rollout preflight --")]
    allowance = planned.allowance
    told = (
        f"changes: {differing(found.database, found.project, live, candidate.release)}",
        *planned.notices,
        *lines,
        f"risk of {allowance.quarter}: charged {allowance.alpha:.3g} of the {allowance.left:.3g} that are left, once "
        "past its gate",
    )
    err.print(f"release {candidate.release[:12]} against {live[:12]}, live in {found.log.environment}", markup=False)
    for line in told:
        err.print(folded(line, err.width, indent=2, after=4))


def _gate(found: Opened, candidate: Project, rollout: Rollout, *, quiet: bool) -> GateResult:
    import anyio

    from assay.cli.progress import EvaluationProgress
    from assay.cli.user import user
    from assay.rollouts.starting import run_gate
    from assay.rollouts.traffic.transitions import Refused

    async def run() -> GateResult:
        return await run_gate(found.log, candidate, rollout, by=user(), progress=progress)

    try:
        with EvaluationProgress(quiet=quiet) as progress:
            return anyio.run(run)
    except Refused:  # the rollout is over: there is nothing to go on with
        raise
    except (AssayError, KeyboardInterrupt):
        note(
            f"rollout {rollout.id} stays in its gate, and what was answered is kept: "
            "`assay rollout resume` goes on, `assay rollout abort` ends it"
        )
        raise


def _end(found: Opened, rollout: Rollout, result: GateResult, *, as_json: bool) -> None:
    """Say what the gate came to and what happens next; exit as the gate says."""
    from assay.cli.rollout_forecast import gate_lines
    from assay.cli.rollout_tables import stage_of

    traffic = found.log.traffic()
    under_way = traffic.rollout if traffic.rollout is not None and traffic.rollout.id == rollout.id else None
    gated = result.gated
    code = {"fail": 1, "inconclusive": 2}.get(gated.verdict, 0)
    if as_json:
        emit(
            {
                "rollout": rollout.id,
                "environment": traffic.environment,
                "candidate": rollout.candidate,
                "baseline": rollout.baseline,
                "gate": {"verdict": gated.verdict, "why": gated.why, "comparison": gated.comparison},
                "phase": under_way.phase if under_way else None,
                "share": under_way.share if under_way else None,
            }
        )
        raise typer.Exit(code)
    for line in gate_lines(result, out.width):
        out.print(line)
    if under_way is not None:
        out.print(f"rollout {rollout.id}: {stage_of(under_way)}", markup=False)
        note(
            "every `assay serve` of this application carries it on from here\n"
            "`assay rollout watch` shows it, `assay rollout abort` ends it"
        )
    elif code:
        out.print(f"no user has seen the candidate; release {rollout.baseline[:12]} stays live", markup=False)
    raise typer.Exit(code)


def _day(at: float) -> str:
    from assay.cli.rollout_tables import day

    return day(at)
