"""The guards that ``[rollout.guards]`` names, as questions that this application's traffic can answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.errors import ConfigError
from assay.evaluation.scoring import Metric
from assay.releases.file.locator import locate, nearest
from assay.releases.file.mistakes import suggest
from assay.releases.file.rollout_section import RolloutGuard, RolloutPlan
from assay.releases.project import Project
from assay.rollouts.evidence.tails import needed
from assay.rollouts.planning.cost_bound import TIMES_MEAN, cost_bound, free, unpriced
from assay.rollouts.planning.history import History
from assay.rollouts.planning.judge_power import Power
from assay.rollouts.planning.scored_live import GIVEN_BY, RUBRICS, lacking
from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.exceedance import quantile_limit

TIMES = ("latency", "first_token")
NATIVE = ("errors", "abstention", "gone", "feedback", "cost", *TIMES)
"""Metrics that every answer, or its user, tells without a scorer."""
LEAST_POWER = 0.1
"""A judge that sees less of a difference than this is no guard."""
BESIDE = ("errors", "abstention")
"""Guards beside every one that an answer which is none makes look better."""
_TAIL = re.compile(r"(?P<metric>latency|first_token)_p(?P<percent>(?!00)\d{2})")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known before a plan is made: live's recent answers, the metrics that the scorers of judged guards give,
    and by metric the judge's power, or why nothing is known of it. ``judge_cost`` is what a judged answer costs in US
    dollars, None where nobody knows."""

    history: History = field(default_factory=History)
    metrics: tuple[Metric, ...] = ()
    powers: Mapping[str, Power | str] = field(default_factory=dict)
    judge_cost: float | None = None


class _Unaskable(Exception):
    """Nothing can be said of a guard, for this reason; ``or_else`` is what only somebody who named it can do."""

    def __init__(self, reason: str, or_else: str = "") -> None:
        self.or_else = or_else
        super().__init__(reason)


@dataclass(slots=True)
class Guarding:
    """Makes guards for one rollout; ``notices`` is what a person should know of them."""

    candidate: Project
    live: Project
    knowledge: Knowledge
    at: float
    notices: list[str] = field(default_factory=list)

    def guards(self) -> tuple[Guard, ...]:
        """The guards of the candidate's file, and those that must be beside them.

        One that nothing can be said of is left out, with a notice, where the file names no guards and it is there by
        default. Raises ConfigError where the file names it, and where none is left.
        """
        section = self.candidate.manifest.rollout
        found: list[Guard] = []
        for name, bound in section.guards.items():
            try:
                guard = self._guard(name, bound)
            except _Unaskable as error:
                if "guards" in section.model_fields_set:
                    raise self._mistake(name, f"{error}{error.or_else}") from error
                self.notices.append(f"rollout.guards.{name} is left out: {error}")
                continue
            if guard is not None:
                found.append(guard)
        beside = unguarded([guard.name for guard in found])
        defaults = RolloutPlan().guards
        found += [self._share(name, defaults[name]) for name in beside]
        if beside:
            self.notices.append(added(beside))
        if not found:
            name = next(iter(section.guards), "")
            raise self._mistake(name, "no guard is left that could be asked; name one, such as errors")
        return tuple(found)

    def _guard(self, name: str, bound: RolloutGuard) -> Guard | None:
        tail = _TAIL.fullmatch(name)
        if tail:
            return self._quantile(name, tail["metric"], int(tail["percent"]) / 100, bound)
        match name:
            case "errors" | "abstention" | "gone":
                return self._share(name, bound)
            case "feedback":
                return self._share(name, bound, higher_is_better=True)
            case "cost":
                return self._cost(name, bound)
            case "latency" | "first_token":
                return self._time(name, bound)
            case _:
                return self._judged(name, bound)

    def _share(self, name: str, bound: RolloutGuard, *, higher_is_better: bool = False) -> Guard:
        allowed, harm = self._margin(name, bound)
        return Guard(name, name, "share", allowed, harm, higher_is_better)

    def _quantile(self, name: str, metric: str, quantile: float, bound: RolloutGuard) -> Guard:
        allowed, harm = self._ratio(name, bound)
        past = self.knowledge.history.of(metric)
        frozen = quantile_limit(past, quantile) if len(past) >= needed(quantile) else None
        return Guard(name, metric, "quantile", allowed, harm, quantile=quantile, frozen=frozen or None)

    def _time(self, name: str, bound: RolloutGuard) -> Guard:
        allowed, harm = self._ratio(name, bound)
        past = self.knowledge.history.of(name)
        if not past:
            raise _Unaskable(
                f"the mean of {name} needs a largest value, which is {TIMES_MEAN:g} times live's mean, and live has no "
                f"recorded answer; let it answer some, or guard {name}_p95, which needs none",
            )
        return Guard(name, name, "mean", allowed, harm, bound=TIMES_MEAN * sum(past) / len(past))

    def _cost(self, name: str, bound: RolloutGuard) -> Guard | None:
        if free(self.candidate):
            self.notices.append("rollout.guards.cost is left out: no answer of the candidate can cost anything")
            return None
        if free(self.live):
            raise _Unaskable(
                "live's answers cost nothing and the candidate's do: no ratio bounds that", "; leave cost out"
            )
        unknown = sorted({*unpriced(self.candidate, self.at), *unpriced(self.live, self.at)})
        if unknown:
            models = ", ".join(f"models.{each}" for each in unknown)
            told = f"no price is known for {models}; write price = {{ input = …, output = … }} there"
            raise _Unaskable(told, ", or leave cost out")
        allowed, harm = self._ratio(name, bound)
        found = cost_bound((self.candidate, self.live), self.knowledge.history.of("cost"), self.at)
        if found is None:
            raise _Unaskable("nothing says what an answer may cost at most; set limits.cost_per_answer")
        most, source = found
        self.notices.append(f"rollout.guards.cost: an answer counts with at most {most:.3g} USD ({source})")
        return Guard(name, "cost", "mean", allowed, harm, bound=most)

    def _judged(self, name: str, bound: RolloutGuard) -> Guard:
        metric = next((each for each in self.knowledge.metrics if each.name == name), None)
        needs = lacking(name)
        if needs is not None:
            raise _Unaskable(f"{name} needs {needs}, which live answers do not have; {self._known(name)}")
        if metric is None and name in RUBRICS:
            judge, rubric = self.candidate.manifest.evaluation.judge, RUBRICS[name]
            raise _Unaskable(
                f"nothing measures {name} on live answers: the judge {judge!r} has no rubric {rubric}; "
                "a language model has it: name one as evaluation.judge",
            )
        if metric is None or metric.kind != "share":
            raise _Unaskable(f"nothing measures {name} on live answers; {self._known(name)}")
        allowed, harm = self._margin(name, bound)
        better, found = metric.higher_is_better, self.knowledge.powers.get(name)
        if isinstance(found, Power):
            if found.low < LEAST_POWER:
                raise _Unaskable(
                    f"by {found.goods + found.bads} labels the judge gives good answers {found.good:.2f} and bad ones "
                    f"{found.bad:.2f} on average: it may see as little as {max(0.0, found.low):.2f} of a difference; "
                    "label more, take a better judge, or leave the guard out",
                )
            self.notices.append(
                f"rollout.guards.{name}: by {found.goods + found.bads} labels the judge sees at least {found.low:.2f} "
                f"of a difference, so a margin of {allowed:g} is {allowed * found.low:.3g} to it"
            )
            power = min(1.0, found.low)
            return Guard(
                name,
                name,
                "share",
                allowed,
                harm,
                better,
                judged=True,
                judge_power=power,
                judged_good=found.good,
                judged_bad=found.bad,
            )
        if isinstance(found, str) and metric.judged:
            self.notices.append(
                f"rollout.guards.{name} is the judge's word alone, not corrected: {found} (`assay label` corrects it)"
            )
        return Guard(name, name, "share", allowed, harm, better, judged=True)

    def _margin(self, name: str, bound: RolloutGuard) -> tuple[float, float]:
        if bound.margin is None:
            raise _Unaskable(f"{name} is a share, which is guarded by a margin: {{ margin = 0.02 }}")
        if bound.margin >= 1 or (bound.harm or 0.0) >= 1:
            raise _Unaskable("a margin of a share lies below 1: 0.02 is two percentage points")
        return bound.margin, bound.harm or 0.0

    def _ratio(self, name: str, bound: RolloutGuard) -> tuple[float, float]:
        if bound.ratio is None:
            raise _Unaskable(f"{name} is an amount, which is guarded by a ratio: {{ ratio = 1.2 }}")
        return bound.ratio, bound.ratio if bound.harm is None else bound.harm

    def _known(self, name: str) -> str:
        names = {*NATIVE, *(f"{each}_p95" for each in TIMES), *GIVEN_BY}
        return suggest(name, names | {each.name for each in self.knowledge.metrics if lacking(each.name) is None})

    def _mistake(self, name: str, message: str) -> ConfigError:
        file = self.candidate.file
        line = nearest(locate(file.text), ("rollout", "guards", name)) if file.text else None
        return ConfigError(f"rollout.guards.{name}: {message}", path=str(file.path), line=line)


def unguarded(names: Sequence[str]) -> tuple[str, ...]:
    """What must be guarded beside these and is not: who refuses the hard questions, or fails at them, is quick and
    cheap, and what is left to be judged are the easy ones."""
    bought = any(name in (*TIMES, "cost") or name not in NATIVE for name in names)
    return tuple(name for name in BESIDE if name not in names) if bought else ()


def added(names: Sequence[str]) -> str:
    """Why guards were added that nobody named."""
    many = len(names) > 1
    return (
        f"{' and '.join(names)} {'are' if many else 'is'} guarded too: else not answering would make a release look "
        f"quick, cheap and faithful; set {'their' if many else 'its'} margin in [rollout.guards]"
    )


def judged_names(names: Sequence[str]) -> tuple[str, ...]:
    """Those guards that need a scorer."""
    return tuple(name for name in names if name not in NATIVE and not _TAIL.fullmatch(name))
