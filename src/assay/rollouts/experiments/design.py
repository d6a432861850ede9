"""From what a person asks of an experiment, and what is known of the traffic, to its design."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assay.errors import ConfigError, InputError
from assay.releases.file.rollout_section import RolloutGuard
from assay.releases.project import Project
from assay.rollouts.planning.guards import Guarding, Knowledge, added, unguarded
from assay.rollouts.traffic.plan import Design, Guard, Policy, Sticky

MOST_ARMS = 6
FLOOR = 0.1
LONGEST = 7 * 86_400.0
PREFERENCE = Guard("preference", "preference", "share", 0.0, 0.0, higher_is_better=True)
"""What an experiment on rankings asks: whose passages the answers cite."""
ALWAYS = "errors"
"""A guard that can always be asked, and always is."""
LEAST_SHARE = 0.01
_RATIO = RolloutGuard(ratio=1.25)
_MARGIN = RolloutGuard(margin=0.05)
_AMOUNT = re.compile(r"(latency|first_token)(_p\d{2})?|cost")
_SHARES_SUM = 1e-6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks. ``shares`` empty are equal ones; ``sticky`` None and ``alpha`` None are the file's."""

    metric: str
    guards: tuple[str, ...] = ()
    policy: Policy = "fixed"
    shares: tuple[float, ...] = ()
    floor: float = FLOOR
    alpha: float | None = None
    sticky: Sticky | None = None
    longest: float = LONGEST


@dataclass(frozen=True, slots=True)
class Designed:
    """A design, and what a person should know of it."""

    design: Design
    notices: tuple[str, ...] = ()


def names_of(count: int) -> tuple[str, ...]:
    """The arms' names: A, B, C, … Raises InputError for too few or too many."""
    if not 2 <= count <= MOST_ARMS:
        raise InputError(f"{count} releases: an experiment compares 2 to {MOST_ARMS}, the first with the others")
    return tuple(chr(ord("A") + at) for at in range(count))


def asking(project: Project, wanted: Wanted) -> Project:
    """A release's project whose ``[rollout.guards]`` are the metric and the guards of the experiment, so that what
    makes a rollout's guards makes these. The file's own bounds hold for those that it has."""
    section = project.manifest.rollout
    guards = {name: section.guards.get(name) or _bound(name) for name in (wanted.metric, *wanted.guards)}
    rollout = section.model_copy(update={"guards": guards})
    manifest = project.manifest.model_copy(update={"rollout": rollout})
    return Project(replace(project.file, manifest=manifest))


def designed(projects: Sequence[Project], wanted: Wanted, *, knowledge: Knowledge, at: float) -> Designed:
    """The design of an experiment on these releases, the first being what the others are compared with.

    ``knowledge`` is of the first one's traffic, ``at`` in seconds since the epoch. Raises InputError, saying what to
    write instead.
    """
    names = names_of(len(projects))
    releases = [str(project.release.digest) for project in projects]
    _distinct(names, releases)
    guards, notices = _guards(projects, wanted, knowledge, at)
    metric = guards.pop(wanted.metric, None)
    if metric is None:
        raise InputError(f"--metric {wanted.metric}: {notices[0] if notices else 'nothing to compare'}")
    if wanted.policy == "thompson" and metric.kind == "quantile":
        raise InputError(
            f"--metric {wanted.metric}: shares follow a mean, which a quantile is not; take --metric {metric.metric}, "
            f"and --guards {wanted.metric}, or --policy fixed"
        )
    section = projects[0].manifest.rollout
    design = Design(
        arms=tuple(zip(names, releases, strict=True)),
        metric=_undecided(metric),
        guards=tuple(guards.values()),
        policy=wanted.policy,
        shares=_shares(wanted, names),
        floor=wanted.floor if wanted.policy == "thompson" else 0.0,
        alpha=_alpha(wanted.alpha if wanted.alpha is not None else section.alpha),
        sticky=wanted.sticky or section.sticky,
        judged=section.judged,
        longest_seconds=_longest(wanted.longest),
    )
    return Designed(design, tuple(notices))


def ranking_design(releases: Sequence[str], *, alpha: float, longest: float) -> Design:
    """An experiment on two releases' rankings, drawn into one for every question. Raises InputError."""
    if len(releases) != 2:
        raise InputError(f"{len(releases)} releases: rankings are drawn into one from two")
    names = names_of(2)
    _distinct(names, releases)
    arms = ((names[0], releases[0]), (names[1], releases[1]))
    return Design(arms, PREFERENCE, (), "interleave", (0.5, 0.5), 0.0, _alpha(alpha), "request", 0.0, _longest(longest))


def _undecided(metric: Guard) -> Guard:
    """The deciding metric asks whether an arm is better or worse at all."""
    neutral = 0.0 if metric.kind == "share" else 1.0
    return replace(metric, allowed=neutral, harm=neutral)


def _guards(
    projects: Sequence[Project], wanted: Wanted, knowledge: Knowledge, at: float
) -> tuple[dict[str, Guard], list[str]]:
    """The guards by name: of all arms the one with the largest bound."""
    if wanted.metric in wanted.guards:
        raise InputError(f"{wanted.metric} is the metric that decides, and cannot be a guard too")
    beside = unguarded((wanted.metric, *wanted.guards))
    more = (name for name in (*beside, ALWAYS) if name != wanted.metric)
    asked = replace(wanted, guards=tuple(dict.fromkeys((*wanted.guards, *more))))
    found: dict[str, Guard] = {}
    notices: dict[str, None] = {}
    for project in projects[1:]:
        guarding = Guarding(asking(project, asked), projects[0], knowledge, at)
        try:
            guards = guarding.guards()
        except ConfigError as error:
            raise InputError(_mended(error, wanted)) from error
        for guard in guards:
            before = found.get(guard.name)
            found[guard.name] = guard if before is None or guard.bound > before.bound else before
        notices.update(dict.fromkeys(notice.removeprefix("rollout.guards.") for notice in guarding.notices))
    return found, [*notices, *([added(beside)] if beside else [])]


def _mended(error: ConfigError, wanted: Wanted) -> str:
    """What is wrong, with the option that says so in place of the file's key."""
    said = str(error)
    for name in (wanted.metric, *wanted.guards):
        _, key, rest = said.partition(f"rollout.guards.{name}: ")
        if key:
            return f"{'--metric' if name == wanted.metric else '--guards'} {name}: {rest}"
    return said


def _bound(name: str) -> RolloutGuard:
    return _RATIO if _AMOUNT.fullmatch(name) else _MARGIN


def _shares(wanted: Wanted, names: Sequence[str]) -> tuple[float, ...]:
    count = len(names)
    shares = wanted.shares or (1 / count,) * count
    if len(shares) != count:
        raise InputError(f"--shares names {len(shares)} shares for the {count} arms {', '.join(names)}")
    told = f"--shares {','.join(f'{share:g}' for share in shares)}"
    if not all(share > 0 for share in shares) or not abs(math.fsum(shares) - 1) <= _SHARES_SUM:
        raise InputError(f"{told}: each is above 0, and their sum is 1")
    if min(shares) < LEAST_SHARE:
        raise InputError(f"{told}: none may be below {LEAST_SHARE:g}; so few users show nothing")
    if wanted.policy == "thompson":
        if not 0 < wanted.floor * count < 1:
            raise InputError(f"--floor {wanted.floor:g}: {count} arms cannot each keep that share; take less")
        if min(shares) < wanted.floor - 1e-9:
            raise InputError(f"--shares has one below the floor of {wanted.floor:g}")
    total = math.fsum(shares)
    return tuple(share / total for share in shares)


def _alpha(alpha: float) -> float:
    if not 0 < alpha < 0.5:
        raise InputError(f"--alpha {alpha:g}: the chance of a false finding lies between 0 and 0.5")
    return alpha


def _longest(seconds: float) -> float:
    if not seconds > 0:
        raise InputError("--longest: an experiment needs some time")
    return seconds


def _distinct(names: Sequence[str], releases: Sequence[str]) -> None:
    seen: Mapping[str, str] = {}
    for name, release in zip(names, releases, strict=True):
        if release in seen:
            raise InputError(f"{seen[release]} and {name} are both release {release[:12]}: there is nothing to compare")
        seen = {**seen, release: name}
