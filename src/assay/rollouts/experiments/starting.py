"""Starting an experiment, and a person's stop to it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from assay.errors import InputError
from assay.rollouts.live.conducting import decision
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted, Gated, Started
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.plan import Design
from assay.rollouts.traffic.state import Experiment, Traffic
from assay.rollouts.traffic.transitions import Refused, transition
from assay.stores.events import Conflict, EventLog

MOST_SHARE = 0.9
"""Of the users, for a release that is not live: nothing but a rollout's evidence gives it more."""
LEAST_LIVE = 0.05
"""Of the users, for the live release where it is compared: with less nothing can be."""


def check_free(traffic: Traffic, design: Design | None = None) -> None:
    """Raises Refused where an experiment cannot start in this state, before anything is measured or written."""
    where = traffic.environment
    if traffic.rollout is not None:
        raise Refused(
            f"rollout {traffic.rollout.id} is under way in {where}; wait for it (`assay rollout watch`), or end it: "
            "assay rollout abort -m WHY"
        )
    if traffic.experiment is not None:
        raise Refused(
            f"experiment {traffic.experiment.id} is under way in {where}; end it: assay experiment stop -m WHY"
        )
    if traffic.live is None:
        raise Refused(
            f"nothing is live in {where} yet, so an experiment has nothing to fall back on; `assay serve` makes the "
            f"file's release live, or say it: assay environment deploy --environment {where} -m WHY"
        )
    if design is not None:
        _check_shares(design, traffic.live)
    if design is not None and design.policy == "interleave" and design.arms[0][1] != traffic.live:
        raise InputError(
            f"the first release answers with both rankings' passages, so it must be the live one, {traffic.live[:12]}"
        )


def check_gates(entries: Sequence[Entry], design: Design, live: str | None) -> None:
    """Raises Refused where an arm that is not live failed its last gate in this environment, by its events."""
    for name, release in design.arms:
        failed = _failed(entries, release)
        if failed is not None and release != live:
            raise Refused(
                f"{name}, release {release[:12]}, failed its offline gate in rollout {failed.rollout} ({failed.why}); "
                "show it to users all the same: --skip-gate WHY"
            )


def start(
    log: TrafficLog,
    design: Design,
    *,
    why: str,
    by: str,
    new_id: Callable[[], str] = lambda: secrets.token_hex(4),
) -> Experiment:
    """Append that an experiment started, under a new id. Raises Refused, by name, where something else moves traffic,
    also where it came a moment before."""
    event = ExperimentStarted(new_id(), design, why, by)
    traffic = log.traffic()
    while True:
        check_free(traffic, design)
        transition(traffic, event, 0.0)
        try:
            after = log.append(traffic, event)
        except Conflict:
            traffic = log.traffic(traffic)
            continue
        if after.experiment is None:  # it has ended since: what was appended is in the stream all the same
            raise Refused(f"experiment {event.experiment} was started, and ended by another process at once")
        return after.experiment


def _failed(entries: Sequence[Entry], release: str) -> Gated | None:
    """The verdict by which a release failed its last gate that came to pass or fail; None where it did not."""
    rollouts: set[str] = set()
    found: Gated | None = None
    for entry in entries:
        event = entry.event
        if isinstance(event, Started) and event.candidate == release:
            rollouts.add(event.rollout)
        elif isinstance(event, Gated) and event.rollout in rollouts and event.verdict in ("pass", "fail"):
            found = event if event.verdict == "fail" else None
    return found


def _check_shares(design: Design, live: str | None) -> None:
    """Raises InputError where a release that is not live could get nearly all users."""
    if design.policy == "interleave":
        return
    adaptive = design.policy == "thompson"
    rest = 1 - (len(design.arms) - 1) * design.floor
    option = f"--floor {design.floor:g}" if adaptive else "--shares"
    for (name, release), share in zip(design.arms, design.shares, strict=True):
        most, least = (max(share, rest), min(share, design.floor)) if adaptive else (share, share)
        if release != live and most > MOST_SHARE + 1e-9:
            raise InputError(
                f"{option}: {name}, release {release[:12]}, is not live and could get {most:g} of the users; "
                f"at most {MOST_SHARE:g} here: a rollout brings a release to all of them"
            )
        if release == live and least < LEAST_LIVE - 1e-9:
            raise InputError(f"{option}: {name} is live, and needs at least {LEAST_LIVE:g} of the users")


def stop(log: TrafficLog, events: EventLog, *, why: str, by: str, clock: Callable[[], float] = time.time) -> Experiment:
    """End the experiment under way: from the next request on all traffic is the live release's.

    Whatever else is decided at the same moment, it is ended here unless it had ended before. Raises Refused.
    """
    traffic, seen = log.traffic(), None
    while True:
        experiment = traffic.experiment
        if experiment is None or (seen is not None and experiment.id != seen):
            told = f"experiment {seen} ended a moment before" if seen else "no experiment is under way"
            raise Refused(f"{told} in {traffic.environment}; `assay experiment list` shows those that were")
        seen = experiment.id
        reason = why.strip() or "no reason was given"
        looked = decision(events, experiment.id, clock(), f"stopped by {by}: {reason}")
        try:
            log.append(traffic, ExperimentEnded(experiment.id, "stopped", None, looked, by))
        except Conflict:
            traffic = log.traffic(traffic)
            continue
        return experiment
