"""A person's hand on an environment's traffic: end a rollout, hold it, let it go on, pin users, deploy directly.

Every function reads the newest state, says what a person wants of it, and does so again where another process was
faster: what was wanted still holds then, unless it cannot be done any more, which is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.rollouts.traffic.assignment import unit_of
from assay.rollouts.traffic.events import Aborted, Arm, Deployed, Event, Paused, Pinned, Promoted, Resumed, RolledBack
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.rollouts.traffic.transitions import Refused
from assay.stores.events import Conflict

ENDINGS = {
    "gated": "did not pass its gate",
    "promoted": "was promoted",
    "rolled_back": "was rolled back",
    "aborted": "was aborted",
}
"""Kinds of events that end a rollout, as people say it."""


def abort(log: TrafficLog, *, why: str, by: str) -> Rollout:
    """The kill switch: from the next request on all traffic is the live release's. Returns what was ended.

    Whatever else is decided at the same moment, the rollout is ended here unless it had ended before. Raises
    Refused, saying how it ended. Works as well where the stream holds what a newer version wrote.
    """
    return _steered(log, lambda rollout: Aborted(rollout.id, why, by), read=log.legible)


def pause(log: TrafficLog, *, why: str, by: str) -> Rollout:
    """Hold the share where it is; harm still ends the rollout. Raises Refused where it is held already."""

    def event(rollout: Rollout) -> Event:
        if rollout.paused:
            raise Refused(f"rollout {rollout.id} is paused already; `assay rollout resume` lets it go on")
        return Paused(rollout.id, why, by)

    return _steered(log, event)


def resume(log: TrafficLog, *, by: str) -> Rollout:
    """Let a held rollout go on. Raises Refused where it is not held."""

    def event(rollout: Rollout) -> Event:
        if not rollout.paused:
            raise Refused(f"rollout {rollout.id} is not paused")
        return Resumed(rollout.id, by)

    return _steered(log, event)


def pin(log: TrafficLog, identities: Sequence[str], arm: Arm | None, *, by: str) -> Rollout:
    """Give these users (or sessions, as the rollout assigns them) an arm for good; None takes the pin away.

    A session in a rollout that assigns users, for requests that name none, is given as ``session:NAME``.

    Who is pinned counts for no decision. Only hashes are kept. Raises Refused where every request is assigned by
    itself, so that there is nobody to pin.
    """

    def event(rollout: Rollout) -> Event:
        if rollout.plan.sticky == "request":
            raise Refused(f'rollout {rollout.id} assigns each request by itself (sticky = "request"): nobody to pin')
        return Pinned(rollout.id, {unit_of(rollout.id, identity): arm for identity in identities}, by)

    return _steered(log, event)


def deploy(log: TrafficLog, release: str, *, why: str, by: str) -> Traffic:
    """Make a release live at once, with no evidence. Raises Refused under a rollout or an experiment, and where
    the release is live already."""
    traffic = log.traffic()
    while True:
        if traffic.live == release and traffic.rollout is None and traffic.experiment is None:
            raise Refused(f"release {release[:12]} is live in {traffic.environment} already")
        try:
            return log.append(traffic, Deployed(release, why, by))
        except Conflict:
            traffic = log.traffic(traffic)


def ending(entries: Sequence[Entry], rollout: str) -> Entry | None:
    """The event that ended a rollout; None while it is under way, or where there was none such."""
    return next((each for each in reversed(entries) if _ends(each.event, rollout)), None)


def _ends(event: Event, rollout: str) -> bool:
    if getattr(event, "rollout", None) != rollout:
        return False
    if isinstance(event, Promoted | RolledBack | Aborted):
        return True
    return event.kind == "gated" and event.verdict in ("fail", "inconclusive")


def _steered(
    log: TrafficLog, event_of: Callable[[Rollout], Event], *, read: Callable[[Traffic | None], Traffic] | None = None
) -> Rollout:
    """Append what is wanted of the rollout under way; the one that was seen first, and no later one. ``read`` folds
    the stream, from what is known of it on."""
    read = read or log.traffic
    traffic, seen = read(None), None
    while True:
        rollout = traffic.rollout
        if rollout is None or (seen is not None and rollout.id != seen):
            raise Refused(_gone(log, seen))
        seen = rollout.id
        try:
            log.append(traffic, event_of(rollout))
        except Conflict:
            traffic = read(traffic)
            continue
        return rollout


def _gone(log: TrafficLog, seen: str | None) -> str:
    where = log.environment
    if seen is None:
        return f"no rollout is under way in {where}; `assay rollout list` shows those that were"
    last = ending(log.legible_entries(), seen)
    how = ENDINGS[last.event.kind] if last is not None else "ended"
    mend = "; `assay environment deploy` brings the old release back" if how == ENDINGS["promoted"] else ""
    return f"rollout {seen} {how} a moment before{mend}"
