"""From what the application's file says, and from what is known of its traffic, to a rollout's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.digest import digest_text
from assay.evaluation.scoring import Scorer
from assay.releases.project import Project
from assay.rollouts.planning.guards import Guarding, Knowledge, judged_names
from assay.rollouts.planning.history import history
from assay.rollouts.planning.judge_power import Power, power
from assay.rollouts.planning.risk import Allowance, allowance
from assay.rollouts.planning.scored_live import RUBRICS, scorers_giving
from assay.rollouts.traffic.plan import Plan, Shadow

if TYPE_CHECKING:
    from assay.stores.database import Database

__all__ = ["Knowledge", "Planned", "known", "planned"]

_SCORES = 300


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, what it takes from the quarter's risk budget, and what a person should know of it."""

    plan: Plan
    allowance: Allowance
    notices: tuple[str, ...] = ()


def planned(
    candidate: Project,
    live: Project,
    *,
    spent: Mapping[str, float],
    at: float,
    knowledge: Knowledge,
    gated: bool = True,
) -> Planned:
    """The plan of a rollout that starts ``at`` (seconds since the epoch): ``[rollout]`` of the candidate's file.

    ``spent`` is what was charged so far by quarter, as ``Traffic`` has it. Raises ConfigError, naming the line, for
    a guard that nothing can be said of, and Refused where the quarter's budget is spent.
    """
    section = candidate.manifest.rollout
    granted = allowance(spent, budget=section.risk_per_quarter, alpha=section.alpha, at=at)
    guarding = Guarding(candidate, live, knowledge, at)
    guards = guarding.guards()
    shadow = section.shadow
    notices = list(guarding.notices)
    if granted.alpha < section.alpha:
        notices.append(
            f"promotion is tested at {granted.alpha:.3g} in place of {section.alpha:g}: of the risk budget of "
            f"{granted.quarter} only {granted.left:.3g} is left"
        )
    plan = Plan(
        stages=tuple(share for share in section.stages if share < 1),
        guards=guards,
        alpha=section.alpha,
        promotion_alpha=granted.alpha,
        sticky=section.sticky,
        least_answers=section.least_answers,
        least_seconds=section.least_time.seconds,
        longest_seconds=section.longest.seconds,
        judged=section.judged,
        shadow=Shadow(shadow.share, shadow.answers, shadow.time.seconds, shadow.cost.usd) if shadow.answers else None,
        gated=gated,
    )
    return Planned(plan, granted, tuple(notices))


def known(candidate: Project, database: Database, live: str, *, at: float) -> Knowledge:
    """What the application's records know: ``live`` is the digest of the release that answers now.

    Opens the scorers, and so the judge, of judged guards. Raises InputError, ConfigError, PluginError, ModelError,
    StoreError.
    """
    from assay.stores.traces import TraceStore

    names = tuple(candidate.manifest.rollout.guards)
    first = any(name.startswith("first_token") for name in names)
    past = history(TraceStore(database), live, until=at, first_tokens=first)
    wanted = judged_names(names)
    scorers = _scorers(candidate, database, scorers_giving(wanted, candidate.manifest)) if wanted else ()
    metrics = tuple(metric for scorer in scorers for metric in scorer.metrics)
    return Knowledge(past, metrics, _powers(database, scorers, wanted), _judge_cost(database, scorers))


def _scorers(candidate: Project, database: Database, names: tuple[str, ...]) -> tuple[Scorer, ...]:
    from assay.evaluation.scorers.opening import open_scorers
    from assay.releases.measuring.bench import bench
    from assay.stores.verdicts import VerdictStore

    if not names:
        return ()
    judge = bench(candidate.file.path, verdicts=VerdictStore(database)).open(candidate.manifest.evaluation.judge)
    if not set(RUBRICS.values()) <= judge.rubrics:  # without it the scorer needs the relevant documents
        names = tuple(name for name in names if name != "context")
    return open_scorers(names, judge=judge) if names else ()


def _powers(database: Database, scorers: tuple[Scorer, ...], wanted: tuple[str, ...]) -> dict[str, Power | str]:
    from assay.stores.labels import LabelStore

    found: dict[str, Power | str] = {}
    for scorer in scorers:
        for metric in scorer.metrics:
            if metric.judged and metric.name in wanted:
                found[metric.name] = power(LabelStore(database).labels(metric.name), metric.name, scorer.identity)
    return found


def _judge_cost(database: Database, scorers: tuple[Scorer, ...]) -> float | None:
    """What judging one answer has cost on average, as far as it is known; 0 without a scorer."""
    from assay.evaluation.running.recalling import scores_of
    from assay.stores.evaluations import EvaluationStore

    store, total = EvaluationStore(database), 0.0
    for scorer in scorers:
        kept = store.sample_scores(digest_text(scorer.identity), _SCORES)
        costs = [measured.spent.cost for each in kept for measured in scores_of(each).values()]
        if not kept or None in costs:
            return None
        total += sum(cost for cost in costs if cost is not None) / len(kept)
    return total
