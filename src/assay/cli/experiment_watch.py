"""``assay experiment watch``: the status, looked at again each second until the experiment ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from assay.cli.experiment_tables import (
    LEGEND,
    WEIGHTED,
    arm_table,
    design_lines,
    finding_table,
    preference_lines,
    style_of,
)
from assay.cli.rollout_tables import day, folded, span
from assay.rollouts.experiments.deciding import spelt
from assay.rollouts.experiments.overview import Episode, Overview, View

EVERY = 1.0
"""Seconds between two looks."""
CODES = {"found": 0, "harm": 1, "mismatch": 1, "unbuildable": 1, "inconclusive": 2, "stopped": 2}


def status_parts(view: View, width: int) -> Iterator[RenderableType]:
    """One screen: what is compared, who gets what, and the evidence."""
    live = view.traffic.live
    head = f"release {live[:12]} is live" if live else "nothing is live yet: `assay serve`"
    yield Text.assemble((view.traffic.environment, "bold"), f"  {head}")
    experiment, evidence, episode = view.experiment, view.evidence, view.episode
    if view.traffic.rollout is not None:
        yield Text(f"rollout {view.traffic.rollout.id} is under way: `assay rollout status`")
    if episode is None:
        yield Text("no experiment yet: `assay experiment start` begins one")
        return
    if experiment is None or evidence is None:
        told = f"no experiment is under way; the last one, {episode.id}, ended: {episode.outcome}, {episode.because}"
        yield folded(told, width, after=2)
        yield from next_lines(episode, live, width)
        return
    why = f": {episode.started.why}" if episode.started.why else ""
    yield Text()
    yield folded(f"experiment {experiment.id}{why}", width, after=2, style="bold")
    left = span(experiment.started + experiment.design.longest_seconds - view.at)
    yield Text(f"started {day(experiment.started)} by {episode.started.by}; it ends in {left} at the latest")
    for line in design_lines(experiment.design):
        yield folded(line, width, indent=2, after=4)
    if episode.changes:
        yield Text(f"  shares changed {episode.changes} times, now {spelt(experiment.shares)}")
    yield Text()
    if experiment.design.policy == "interleave":
        yield from preference_lines(evidence, width)
    else:
        yield arm_table(evidence, experiment.shares)
        yield Text()
        yield finding_table(evidence.findings(), evidence)
        if experiment.design.policy == "thompson":
            yield folded(WEIGHTED, width, after=2, style="dim")
        yield folded(LEGEND, width, after=2, style="dim")
    yield folded(f"waits: {view.waits}", width, after=2)


def watch(
    overview: Overview,
    console: Console,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show the experiment under way until it ends; a line for each change where the console is no terminal.

    Returns the exit status: 0 an arm was found best, 1 harm, 2 nothing was shown. Raises StoreError.
    """
    view = overview.now(clock())
    watched = view.episode.id if view.episode else None
    if console.is_terminal and _goes_on(view, watched):
        parts = Group(*status_parts(view, console.width))
        with Live(parts, console=console, auto_refresh=False, transient=True) as live:
            while _goes_on(view, watched):
                live.update(Group(*status_parts(view, console.width)), refresh=True)
                sleep(EVERY)
                view = overview.now(clock())
    else:
        told = ""
        while _goes_on(view, watched):
            if (line := _line(view)) != told:
                console.print(f"{time.strftime('%H:%M:%S', time.localtime(view.at))}  {line}", markup=False)
                told = line
            sleep(EVERY)
            view = overview.now(clock())
    return _ended(view, watched, console)


def next_lines(episode: Episode, live: str | None, width: int) -> Iterator[Text]:
    """What a person may do now."""
    winner = episode.end.winner if episode.end else None
    if winner is None:
        return
    release = episode.release(winner)
    if release == live:
        yield folded(f"{winner} is live already: nothing is to be done", width, after=2)
    else:
        yield folded(f"{winner} reaches users by a rollout: assay rollout start {release[:12]}", width, after=2)


def _goes_on(view: View, watched: str | None) -> bool:
    return view.experiment is not None and view.experiment.id == watched


def _line(view: View) -> str:
    experiment = view.experiment
    assert experiment is not None
    return f"experiment {experiment.id}: shares {spelt(experiment.shares)}"


def _ended(view: View, watched: str | None, console: Console) -> int:
    episode = next((each for each in reversed(view.episodes) if each.id == watched), None)
    if episode is None or episode.end is None or episode.ended is None:
        console.print("no experiment yet: `assay experiment start` begins one", markup=False)
        return 2
    after = span(episode.ended.at - episode.at)
    told = f"experiment {episode.id} ended after {after}: {episode.outcome}, since {episode.because}"
    console.print(folded(told, console.width, after=2, style=style_of(episode)))
    for line in next_lines(episode, view.traffic.live, console.width):
        console.print(line)
    console.print(f"assay experiment why {episode.id} shows the evidence", markup=False)
    return CODES[episode.end.reason]
