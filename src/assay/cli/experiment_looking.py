"""``assay experiment status``, ``list``, ``watch`` and ``why``: what is compared, what was, and for what reasons."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, out

if TYPE_CHECKING:
    from assay.rollouts.experiments.evidence import Evidence
    from assay.rollouts.experiments.overview import Episode, View
    from assay.rollouts.traffic.plan import Design
    from assay.scores import Estimate

PRODUCTION = "production"
Id = Annotated[
    str,
    typer.Argument(
        metavar="[ID]", help="An experiment's id, or its beginning. [default: the newest]", show_default=False
    ),
]


def status(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Show on one screen who gets which release, and what the evidence says so far."""
    from assay.cli.experiment_watch import status_parts
    from assay.releases.project import Project
    from assay.rollouts.experiments.overview import Overview
    from assay.rollouts.overview import opened

    with opened(Project.load(file), environment) as found:
        view = Overview(found.log, found.events).now(time.time())
    if as_json:
        emit(_view(view))
        return
    for part in status_parts(view, out.width):
        out.print(part)


def experiment_list(environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """List the environment's experiments, newest first. (`assay experiments list` lists offline evaluations.)"""
    from assay.cli.experiment_tables import episode_lines
    from assay.releases.project import Project
    from assay.rollouts.experiments.overview import episodes
    from assay.rollouts.overview import opened

    with opened(Project.load(file), environment) as found:
        past = episodes(found.log.entries())
    if as_json:
        emit([_episode(each) for each in reversed(past)])
        return
    if not past:
        out.print(f"there has been no experiment in {environment} yet; `assay experiment start` begins one")
    for line in episode_lines(past):
        out.print(line)


def watch(environment: Environment = PRODUCTION, file: File = None) -> None:
    """Show the status again each second until the experiment ends.

    Exits 0 where an arm was found best, 1 for harm, 2 where nothing was shown.
    """
    from assay.cli.experiment_watch import watch
    from assay.releases.project import Project
    from assay.rollouts.experiments.overview import Overview
    from assay.rollouts.overview import opened

    with opened(Project.load(file), environment) as found:
        code = watch(Overview(found.log, found.events), out)
    raise typer.Exit(code)


def why(id: Id = "", environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Tell an experiment from its start to its end, and compute each decision again from the raw events.

    Exits 1 where a decision is not what the events give.
    """
    from assay.cli.experiment_story import Teller
    from assay.releases.project import Project
    from assay.rollouts.experiments.overview import episode, episodes
    from assay.rollouts.experiments.recomputing import recomputed
    from assay.rollouts.overview import opened

    project = Project.load(file)
    with opened(project, environment) as found:
        entries = found.log.entries()
        told = episode(episodes(entries), id, environment)
        again = recomputed(entries, found.events, told.id)
        differs, live = _differences(found, told), found.log.traffic().live
    if as_json:
        emit(_episode(told) | {"changes": differs, "same": again.same, "decisions": _decisions(again)})
    else:
        for part in Teller(environment, live, differs, out.width).story(told, again):
            out.print(part)
    if not again.same:
        raise typer.Exit(1)


def designed_dict(design: Design) -> dict[str, Any]:
    """A design as JSON: times in seconds."""
    return {
        "arms": dict(design.arms),
        "shares": dict(zip(dict(design.arms), design.shares, strict=True)),
        "metric": design.metric.name,
        "guards": [guard.name for guard in design.guards],
        "policy": design.policy,
        "floor": design.floor,
        "alpha": design.alpha,
        "sticky": design.sticky,
        "longest": design.longest_seconds,
    }


def _differences(found: Any, told: Episode) -> dict[str, str]:
    from assay.cli.rollout_forecast import differing

    (_, first), *others = told.started.design.arms
    return {arm: differing(found.database, found.project, first, release) for arm, release in others}


def _episode(each: Episode) -> dict[str, Any]:
    from assay.rollouts.traffic.codec import encode

    ended = each.ended
    return {
        "experiment": each.id,
        "design": designed_dict(each.started.design),
        "started": each.at,
        "by": each.started.by,
        "why": each.started.why,
        "outcome": each.outcome,
        "because": each.because,
        "winner": each.end.winner if each.end else None,
        "ended": ended.at if ended else None,
        "events": [{"version": entry.version, "at": entry.at} | encode(entry.event) for entry in each.entries],
    }


def _view(view: View) -> dict[str, Any]:
    """The status as JSON. ``harm`` and ``safe`` of a finding are natural logarithms of e-values: for worse and for
    better, the largest so far; they act at the thresholds."""
    experiment, evidence, episode = view.experiment, view.evidence, view.episode
    told: dict[str, Any] = {"environment": view.traffic.environment, "live": view.traffic.live, "experiment": None}
    if experiment is None or evidence is None or episode is None:
        return told
    design = experiment.design
    told["experiment"] = {
        "id": experiment.id,
        "design": designed_dict(design),
        "started": experiment.started,
        "ends": experiment.started + design.longest_seconds,
        "why": episode.started.why,
        "by": episode.started.by,
        "epoch": experiment.epoch,
        "observations": evidence.position,
        "arms": [_arm(arm, evidence, share) for arm, share in zip(evidence.arms, experiment.shares, strict=True)],
        "findings": [_finding(finding) for finding in evidence.findings()],
        "thresholds": {"best": evidence.bar, "harm": evidence.harm_bar},
        "waits": view.waits,
    }
    found: dict[str, Any] = _finite(told)
    return found


def _arm(arm: str, evidence: Evidence, share: float) -> dict[str, Any]:
    tally = evidence.tallies[arm]
    adaptive = evidence.design.policy == "thompson"
    first = evidence.arms[0]
    return {
        "arm": arm,
        "release": dict(evidence.design.arms)[arm],
        "share": share,
        "units": evidence.ratio.counts.get(arm, 0),
        "counted": tally.n,
        "plain_mean": tally.mean,
        "mean": _estimate(evidence.mean(arm)) if adaptive else None,
        "difference": _estimate(evidence.difference(arm, first)) if adaptive and arm != first else None,
        "chance_best": evidence.chances()[arm] if adaptive else None,
    }


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def _finding(finding: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding)


def _decisions(again: Any) -> list[dict[str, Any]]:
    """Each recorded decision beside what the raw events give."""
    from assay.rollouts.traffic.codec import encode

    return [
        _finite(
            {
                "version": step.entry.version,
                "recorded": encode(step.entry.event),
                "again": encode(step.again) if step.again is not None else None,
                "checked": step.checked,
                "differences": list(step.differences),
            }
        )
        for step in again.steps
    ]


def _finite(value: Any) -> Any:
    """With null for what is not finite: JSON knows no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
