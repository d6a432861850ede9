"""The most that one answer counts with under a guard on cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from assay.releases.file.sections import COMPATIBLE, EXTRACTIVE, ModelChoice
from assay.releases.project import Project

OVERHEAD = 2_000
"""Tokens of a prompt beside its passages: instructions, question, turns before."""
LONGEST = 4_096
"""Tokens of an answer whose model is given no limit."""
TIMES_MEAN = 20.0
"""Where neither a limit nor a price says it: so many times what live's answers cost on average."""


def free(project: Project) -> bool:
    """Whether no answer of the release can cost anything."""
    return all(_free(model) for model in project.manifest.route.values())


def unpriced(project: Project, at: float) -> tuple[str, ...]:
    """The models of the route whose price nobody knows."""
    route = project.manifest.route.items()
    return tuple(name for name, model in route if not _free(model) and _price(model, 1_000, 1_000, at) is None)


def cost_bound(projects: Sequence[Project], past: Sequence[float], at: float) -> tuple[float, str] | None:
    """US dollars, and where they are from; None where nothing says it.

    The largest ``limits.cost_per_answer`` of the releases if each has one; else what the longest prompt and answer
    cost, with every model of the route asked in turn; else from what live's answers (``past``) have cost.
    """
    limits = [limit.usd for project in projects if (limit := project.manifest.limits.cost_per_answer) is not None]
    if len(limits) == len(projects) and max(limits, default=0.0) > 0:
        return max(limits), "limits.cost_per_answer"
    longest = [_longest(project, at) for project in projects]
    known = [value for value in longest if value is not None]
    if len(known) == len(longest) and max(known, default=0.0) > 0:
        return max(known), "the prices of the longest prompt and answer"
    if past and sum(past) > 0:
        return TIMES_MEAN * sum(past) / len(past), f"{TIMES_MEAN:g} times live's mean"
    return None


def _longest(project: Project, at: float) -> float | None:
    tokens = project.manifest.answer.context_tokens + OVERHEAD
    found = 0.0
    for model in project.manifest.route.values():
        price = 0.0 if _free(model) else _price(model, tokens, model.max_tokens or LONGEST, at)
        if price is None:
            return None
        found += price
    return found


def _free(model: ModelChoice) -> bool:
    if model.uses == EXTRACTIVE:
        return True
    return model.price is not None and model.price.input == 0 and model.price.output == 0


def _price(model: ModelChoice, prompt: int, answer: int, at: float) -> float | None:
    if model.price is not None:
        return (prompt * model.price.input + answer * model.price.output) / 1e6
    if model.base_url is not None or model.uses == COMPATIBLE:
        return None  # an own server has no price until the application sets one
    from assay.models.chat import Usage
    from assay.models.prices import cost  # loads the price list: only where a provider is paid

    provider, _, name = model.uses.partition(":")
    return cost(provider, name, Usage(input=prompt, output=answer), datetime.fromtimestamp(at, UTC))[0]
