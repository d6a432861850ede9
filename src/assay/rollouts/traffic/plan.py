"""What a rollout has undertaken to do: fixed when it starts, so that every decision can be computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Sticky: TypeAlias = Literal["user", "session", "request"]
Kind: TypeAlias = Literal["share", "mean", "quantile"]
"""A share compares how often something happens (errors, abstention, thumbs, a judge's verdicts in [0, 1]); a mean
compares amounts up to a bound (cost); a quantile compares how often the live release's own is exceeded (latency)."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One thing that may not get worse.

    ``metric`` is what is observed. ``allowed`` is how much worse than live a release may be to be promoted,
    ``harm`` how much worse it must be shown to be to go back at once: differences for a share, ratios for a
    mean or a quantile. ``bound`` is the largest value that one observation counts with (1 for a share, US
    dollars for cost); a larger one counts as ``bound``. ``quantile`` is e.g. 0.95, None for others; ``frozen`` is
    the live release's own quantile as history has it, None to take it from the rollout's first live answers.

    Where people labelled what a judge said, ``judged_good`` and ``judged_bad`` are its mean scores of answers that
    people call good and bad, and ``judge_power`` a lower bound of their difference (sensitivity + specificity - 1):
    a difference between releases that people would see shrinks to that part of it in the judge's eyes.
    """

    name: str
    metric: str
    kind: Kind
    allowed: float
    harm: float
    higher_is_better: bool = False
    bound: float = 1.0
    quantile: float | None = None
    judged: bool = False
    frozen: float | None = None
    judge_power: float = 1.0
    judged_good: float | None = None
    judged_bad: float | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """Copies of a ``share`` of the questions, until ``answers`` are made or ``seconds`` are over, for at most
    ``cost`` US dollars."""

    share: float
    answers: int
    seconds: float
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """``stages`` are the candidate's shares below 1, growing; after the last it is promoted.

    ``alpha`` bounds the chance to go back from a release that is no worse than ``harm`` says, and
    ``promotion_alpha`` the chance to promote one that is worse than ``allowed`` on any guard: what the
    environment's risk budget left for it. ``least_answers`` counts the candidate's units in a stage, those
    it had before included; times are in seconds. ``shadow`` None leaves the stage out; ``gated`` is whether a gate
    comes first.
    """

    stages: tuple[float, ...]
    guards: tuple[Guard, ...]
    alpha: float
    promotion_alpha: float
    sticky: Sticky
    least_answers: int
    least_seconds: float
    longest_seconds: float
    judged: float
    shadow: Shadow | None
    gated: bool


Policy: TypeAlias = Literal["fixed", "thompson", "interleave"]
"""Fixed shares; top-two Thompson sampling with a floor; or every ranking drawn from both arms' rankings in turn."""


@dataclass(frozen=True, slots=True)
class Design:
    """What an experiment has undertaken to do. ``arms`` are releases by name ("A", "B", …), the first being what
    the others are compared with; ``metric`` is what decides and ``guards`` may not get worse. ``floor`` is the
    least share of an arm under an adaptive policy; ``shares`` are those at the start. Times are in seconds."""

    arms: tuple[tuple[str, str], ...]
    metric: Guard
    guards: tuple[Guard, ...]
    policy: Policy
    shares: tuple[float, ...]
    floor: float
    alpha: float
    sticky: Sticky
    judged: float
    longest_seconds: float
