"""``assay rollout watch``: the status, looked at again each second until the rollout ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from assay.cli.rollout_tables import STYLES, folded, guard_notes, guard_table, span, stage_of, view_lines
from assay.rollouts.overview import Episode, Outcome, Overview, View

EVERY = 1.0
"""Seconds between two looks."""
CODES: dict[Outcome, int] = {"promoted": 0, "rolled back": 1, "inconclusive": 2, "under way": 0}


def status_parts(view: View, width: int) -> Iterator[RenderableType]:
    """One screen: what is live, how far the rollout is, and each guard's evidence."""
    yield from view_lines(view, width)
    if view.evidence is not None and view.traffic.rollout is not None:
        plan, findings = view.traffic.rollout.plan, view.evidence.findings()
        yield Text()
        if any(each.n or each.m for each in findings):
            yield guard_table(findings, plan)
        for line in guard_notes(findings, plan, view.evidence.limits):
            yield folded(line, width, after=2)


def watch(
    overview: Overview,
    console: Console,
    *,
    tell: Callable[[View], None] | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show the rollout under way until it ends; a line for each change where the console is no terminal.

    ``tell`` gets each change in place of the console, and how it stands at the end. Returns the exit status: 0
    promoted, 1 rolled back, 2 inconclusive. Raises StoreError.
    """
    view = overview.now(clock())
    watched = view.episode.id if view.episode else None
    if tell is None and console.is_terminal and _goes_on(view, watched):
        with Live(
            Group(*status_parts(view, console.width)), console=console, auto_refresh=False, transient=True
        ) as live:
            while _goes_on(view, watched):
                live.update(Group(*status_parts(view, console.width)), refresh=True)
                sleep(EVERY)
                view = overview.now(clock())
    else:
        told = ""
        while _goes_on(view, watched):
            if (line := _line(view)) != told:
                told = line
                if tell is not None:
                    tell(view)
                else:
                    console.print(f"{_clock(view.at)}  {line}", markup=False)
            sleep(EVERY)
            view = overview.now(clock())
    if tell is not None:
        tell(view)
    episode = next((each for each in reversed(view.episodes) if each.id == watched), None)
    if tell is None:
        _say_end(episode, console)
    return CODES[episode.outcome] if episode is not None else 2


def _goes_on(view: View, watched: str | None) -> bool:
    rollout = view.traffic.rollout
    return rollout is not None and rollout.id == watched


def _line(view: View) -> str:
    """What has to change for a new line: the stage, a pause, a guard that is shown to be safe."""
    rollout, evidence = view.traffic.rollout, view.evidence
    assert rollout is not None
    told = f"rollout {rollout.id}: {stage_of(rollout)}" + (", paused" if rollout.paused else "")
    unsafe = evidence.unsafe if evidence is not None and rollout.phase == "canary" else ()
    return told + (f"; not yet shown to be safe: {', '.join(unsafe)}" if unsafe else "")


def _say_end(episode: Episode | None, console: Console) -> None:
    """Tell the end of the rollout that was watched, whatever has been started since."""
    if episode is None:
        console.print("no rollout yet: `assay rollout start` sends this file's release out", markup=False)
        return
    ended = episode.ended
    after = f" after {span(ended.at - episode.at)}" if ended is not None else ""
    because = f", because {episode.because}" if episode.because else ""
    told = f"rollout {episode.id} ended{after}: {episode.outcome}{because}"
    console.print(folded(told, console.width, after=2, style=STYLES[episode.outcome]))
    console.print(f"assay rollout why {episode.id} shows the evidence", markup=False)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
