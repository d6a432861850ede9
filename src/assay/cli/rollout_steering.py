"""``assay rollout abort``, ``pause``, ``pin`` and ``exclude``: a person's hand on a rollout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.rollouts.traffic.events import Arm

PRODUCTION = "production"
Why = Annotated[str, typer.Option("--why", "-m", metavar="WHY", help="The reason, for those who ask later.")]
User = Annotated[str, typer.Argument(metavar="USER", help="The user as requests name them.")]


def abort(why: Why = "", environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """End the rollout: from the next request on, in every process, all traffic is the live release's."""
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.steering import abort

    with opened(Project.load(file), environment) as found:
        ended = abort(found.log, why=why, by=user())
    live = f"release {ended.baseline[:12]} answers everybody from the next request on"
    say(f"rollout {ended.id} is aborted: {live}", {"rollout": ended.id, "aborted": True}, as_json=as_json)


def pause(why: Why = "", environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Hold the candidate's share where it is; harm still ends the rollout, and its time runs on."""
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.steering import pause

    with opened(Project.load(file), environment) as found:
        held = pause(found.log, why=why, by=user())
    told = f"rollout {held.id} is paused; `assay rollout resume` ends that"
    say(told, {"rollout": held.id, "paused": True}, as_json=as_json)


def pin(
    who: User,
    to: Annotated[str, typer.Option("--to", metavar="candidate|live|none", help="What answers them from now on.")],
    environment: Environment = PRODUCTION,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Let one release answer a user for as long as the rollout lasts; who is pinned counts for nothing."""
    if to not in ("candidate", "live", "none"):
        raise InputError(f"--to {to!r}: write candidate, live or none")
    arm: Arm | None = "candidate" if to == "candidate" else "live" if to == "live" else None
    _pin(who, arm, environment, file=file, as_json=as_json)


def exclude(who: User, environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """Keep a user out of the rollout: the live release answers them."""
    _pin(who, "live", environment, file=file, as_json=as_json)


def _pin(who: str, arm: Arm | None, environment: str, *, file: Path | None, as_json: bool) -> None:
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.overview import opened
    from assay.rollouts.steering import pin
    from assay.rollouts.traffic.assignment import unit_of

    if not who.strip():
        raise InputError("the user is empty: name one as requests name them")
    with opened(Project.load(file), environment) as found:
        rollout = pin(found.log, [who], arm, by=user())
    kind = "session" if rollout.plan.sticky == "session" else "user"
    told = f"pinned to {arm}" if arm is not None else "assigned by chance again"
    value = {"rollout": rollout.id, "unit": unit_of(rollout.id, who), "arm": arm}
    say(f"{kind} {who} is {told} in rollout {rollout.id}", value, as_json=as_json)


def say(text: str, value: dict[str, Any], *, as_json: bool) -> None:
    """What was done: as JSON, or as a line for people."""
    if as_json:
        emit(value)
    else:
        out.print(text, markup=False)
