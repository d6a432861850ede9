"""Starting an experiment, and a person's stop to it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from assay.errors import InputError
from assay.rollouts.live.conducting import decision
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Design
from assay.rollouts.traffic.state import Experiment, Traffic
from assay.rollouts.traffic.transitions import Refused, transition
from assay.stores.events import Conflict, EventLog


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
    if design is not None and design.policy == "interleave" and design.arms[0][1] != traffic.live:
        raise InputError(
            f"the first release answers with both rankings' passages, so it must be the live one, {traffic.live[:12]}"
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
