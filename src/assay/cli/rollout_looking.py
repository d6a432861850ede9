"""``assay rollout status``, ``list``, ``watch`` and ``why``: what is under way, what was, and for what reasons."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, out

if TYPE_CHECKING:
    from assay.rollouts.evidence.recomputing import Recomputed
    from assay.rollouts.overview import Episode, View

PRODUCTION = "production"
Id = Annotated[
    str,
    typer.Argument(metavar="[ID]", help="A rollout's id, or its beginning. [default: the newest]", show_default=False),
]


def status(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Show on one screen what is live, how far the rollout is, and what the evidence says so far."""
    from assay.cli.rollout_watch import status_parts
    from assay.releases.project import Project
    from assay.rollouts.overview import Overview, opened

    with opened(Project.load(file), environment) as found:
        view = Overview(found).now(time.time())
    if as_json:
        emit(_view(view))
        return
    for part in status_parts(view, out.width):
        out.print(part)


def rollout_list(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """List the environment's rollouts, newest first: outcome, why, when, by whom."""
    from assay.cli.rollout_tables import rollout_lines
    from assay.releases.project import Project
    from assay.rollouts.overview import episodes, opened

    with opened(Project.load(file), environment) as found:
        past = episodes(found.log.entries())
    if as_json:
        emit([_episode(each) for each in reversed(past)])
        return
    if not past:
        out.print(f"there has been no rollout in {environment} yet; `assay rollout start` begins one", markup=False)
    for line in rollout_lines(past):
        out.print(line)


def watch(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Show the status again each second until the rollout ends. Exits 0 promoted, 1 rolled back, 2 inconclusive.

    With --json it writes the status as a line whenever the stage, a pause or a guard's safety has changed.
    """
    from assay.cli.rollout_watch import watch
    from assay.releases.project import Project
    from assay.rollouts.overview import Overview, opened

    with opened(Project.load(file), environment) as found:
        code = watch(Overview(found), out, tell=(lambda view: emit(_view(view))) if as_json else None)
    raise typer.Exit(code)


def why(id: Id = "", environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Tell a rollout from its start to its end, and compute each decision again from the raw events.

    Exits 1 where a decision is not what the events give.
    """
    from assay.cli.rollout_forecast import differing
    from assay.cli.rollout_story import Teller
    from assay.releases.project import Project
    from assay.rollouts.evidence.recomputing import recomputed
    from assay.rollouts.overview import episode, episodes, opened
    from assay.rollouts.planning.risk import charges

    project = Project.load(file)
    budget = project.manifest.rollout.risk_per_quarter
    with opened(project, environment) as found:
        entries = found.log.entries()
        told = episode(episodes(entries), id, environment)
        again = recomputed(entries, found.events, told.id)
        charged = charges(entries, told.started.quarter, budget)
        differs = differing(found.database, project, told.started.baseline, told.started.candidate)
    if as_json:
        emit(_episode(told) | {"changes": differs, "same": again.same, "decisions": _decisions(again)})
    else:
        charge = next((each for each in charged if each.rollout == told.id), None)
        teller = Teller(environment, differs, charge, budget, out.width)
        for part in teller.story(told, again.steps):
            out.print(part)
    if not again.same:
        raise typer.Exit(1)


def _episode(each: Episode) -> dict[str, Any]:
    """A rollout as JSON: times in seconds since 1970."""
    from assay.rollouts.traffic.codec import encode

    ended = each.ended
    return {
        "rollout": each.id,
        "candidate": each.started.candidate,
        "baseline": each.started.baseline,
        "started": each.at,
        "by": each.started.by,
        "why": each.started.why,
        "risk": each.started.risk,
        "charged": each.charged,
        "quarter": each.started.quarter,
        "outcome": each.outcome,
        "because": each.because,
        "ended": ended.at if ended else None,
        "events": [{"version": entry.version, "at": entry.at} | encode(entry.event) for entry in each.entries],
    }


def _view(view: View) -> dict[str, Any]:
    """The status as JSON. ``harm`` and ``safe`` are natural logarithms of e-values; they act at the thresholds."""
    import math
    from dataclasses import asdict

    traffic, rollout, evidence = view.traffic, view.traffic.rollout, view.evidence
    told: dict[str, Any] = {
        "environment": traffic.environment,
        "live": traffic.live,
        "since": view.lived.at if view.lived else None,
        "how": view.lived.how if view.lived else None,
        "rollout": None,
    }
    last = view.episode
    if rollout is None:
        if last is not None:
            told["last"] = {"id": last.id, "outcome": last.outcome, "because": last.because}
        return told
    told["rollout"] = {
        "id": rollout.id,
        "candidate": rollout.candidate,
        "started": rollout.started,
        "phase": rollout.phase,
        "stage": rollout.stage,
        "share": rollout.share,
        "paused": rollout.paused,
        "since": rollout.since,
        "ends": rollout.started + rollout.plan.longest_seconds,
        "pinned": len(rollout.pins),
        "waits": view.waits,
    }
    if evidence is not None:
        units = evidence.units(rollout.stage) if rollout.phase == "canary" else None
        told["rollout"] |= {
            "observations": evidence.position,
            "units": {"candidate": units.candidate, "live": units.live} if units else None,
            "shadow": {"answers": evidence.shadow.answers, "cost": evidence.shadow.cost},
            "harm": evidence.harm,
            "guards": [asdict(finding) for finding in evidence.findings()],
            "thresholds": {
                "harm": math.log(1 / rollout.plan.alpha),
                "safe": math.log(1 / rollout.plan.promotion_alpha),
            },
        }
    return _finite(told)


def _decisions(again: Recomputed) -> list[dict[str, Any]]:
    """Each recorded decision beside what the raw events give."""
    from dataclasses import asdict

    from assay.rollouts.traffic.codec import encode

    return [
        _finite(
            {
                "version": step.entry.version,
                "recorded": encode(step.entry.event),
                "again": encode(step.again) if step.again is not None else None,
                "findings": [asdict(finding) for finding in step.findings],
                "differences": list(step.differences),
            }
        )
        for step in again.steps
    ]


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    """With null for what is not finite: JSON knows no infinity."""
    from assay.evaluation.artifacts.comparison_file import bounded

    found: dict[str, Any] = bounded(value)
    return found
