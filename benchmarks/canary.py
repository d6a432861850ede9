"""Rollouts decided by evidence, beside the rules in use: how often wrong, how soon right. Needs no data.

Made-up traffic with fixed seeds, 2,000 rollouts a figure (or ``--limit``), looked at after every request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.statistics.anytime import traffic
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.blocks import shape
from assay.statistics.anytime.cuts import Cut, cut
from assay.statistics.anytime.detection import Forecast, mean_forecast, rate_forecast
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.traffic import CAP, Trial, Values, costs, errors, quality, slow
from benchmarks.options import Options
from benchmarks.tables import table

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = RateTest | MeanTest
Rule: TypeAlias = Callable[[Floats, Floats, Floats, Floats], tuple[Bools, Bools]]

ALPHA = 0.05
RUNS = 2000
FEWER = 600
"""Runs of the long logs."""
MARGIN = 0.02
LENGTHS = {0.01: 30_000, 0.1: 12_000, 0.5: 6_000}
CHUNK = 200

HARM: Mapping[str, tuple[Callable[[], Test], Values]] = {
    "errors": (lambda: RateTest("above"), errors(0.05, 0.05)),
    "latency p95": (lambda: RateTest("above"), slow(1.0)),
    "mean cost": (lambda: MeanTest("above", 0, CAP), costs(1.0)),
    "judged quality": (lambda: MeanTest("below", 0, 1), quality(0.0)),
}
PROMOTION: Mapping[str, tuple[Callable[[], Test], Values]] = {
    "errors": (lambda: RateTest("below", margin=MARGIN), errors(0.05, 0.05 + MARGIN)),
    "latency p95": (lambda: RateTest("below"), slow(1.25, ratio=1.25)),
    "mean cost": (lambda: MeanTest("below", 0, CAP, ratio=1.2), costs(1.2)),
    "judged quality": (lambda: MeanTest("above", 0, 1, margin=-0.03), quality(0.03)),
}


def run(options: Options) -> dict[str, Any]:
    """Print the tables; return their figures."""
    runs = options.limit or RUNS
    fewer = min(runs, FEWER)
    return {
        "wrong": _wrong(runs),
        "rules": _rules(runs),
        "stages": _stages(fewer),
        "outages": _outages(fewer),
        "users": _users(fewer),
        "times": _times(fewer),
    }


def _wrong(runs: int) -> dict[str, float]:
    """Every guard at its null's edge, at three shares, in steady and in moving traffic."""
    figures, rows = {}, []
    for name in HARM:
        for share, requests in LENGTHS.items():
            row: list[object] = [name, f"{share:.0%}"]
            for what, guards in (("rollback", HARM), ("promotion", PROMOTION)):
                test, values = guards[name]
                for calm in (True, False):
                    rate = _tried(test(), values, share, requests, calm=calm, runs=runs).rate
                    figures[f"{what} {name} {share:g} {'steady' if calm else 'moving'}"] = rate
                    row.append(f"{rate:.1%}")
            rows.append(row)
    header = [
        "guard",
        "share",
        "false rollback, steady",
        "in bursts and waves",
        "false promotion, steady",
        "in bursts…",
    ]
    table(f"decided wrongly, α {ALPHA:.0%}: equal canary rolled back, one worse by the margin promoted", header, rows)
    return figures


def _tried(test: Test, values: Values, share: float, requests: int, *, runs: int, calm: bool = True) -> Trial:
    return traffic.tried(
        test, values, share=share, requests=requests, needed=threshold(ALPHA), calm=calm, runs=runs, seed=11
    )


# Rules in use. Each takes cumulative numbers and failures at each request, and says when it rolls back or promotes.


def _z_test(n_a: Floats, bad_a: Floats, n_b: Floats, bad_b: Floats) -> tuple[Bools, Bools]:
    """A z-test for a fixed number of values, peeked at from 100 canary values on."""
    difference, variance = _difference(n_a, bad_a, n_b, bad_b)
    reach = float(ndtri(1 - ALPHA)) * np.sqrt(variance)
    ready = (n_b >= 100) & (variance > 0)
    return ready & (difference > reach), ready & (difference < MARGIN - reach)


def _msprt(n_a: Floats, bad_a: Floats, n_b: Floats, bad_b: Floats) -> tuple[Bools, Bools]:
    """Mixture sequential probability ratio test with a normal mixture (Johari, Pekelis and Walsh 2015), two-sided."""
    difference, variance = _difference(n_a, bad_a, n_b, bad_b)
    mixed = 0.03**2
    ready = (n_b >= 100) & (variance > 0)
    safe = np.where(variance > 0, variance, 1.0)
    reach = np.sqrt(safe * (safe + mixed) / mixed * (2 * math.log(1 / ALPHA) + np.log((safe + mixed) / safe)))
    return ready & (difference > reach), ready & (difference < MARGIN - reach)


def _asymptotic(n_a: Floats, bad_a: Floats, n_b: Floats, bad_b: Floats) -> tuple[Bools, Bools]:
    """An asymptotic confidence sequence tuned for 5,000 values, two-sided (arXiv 2103.06476)."""
    difference, variance = _difference(n_a, bad_a, n_b, bad_b)
    n = n_a + n_b
    rho2 = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / 5000
    reach = np.sqrt(variance * (n * rho2 + 1) / (n * rho2) * np.log((n * rho2 + 1) / ALPHA**2))
    ready = (n_b >= 100) & (variance > 0)
    return ready & (difference > reach), ready & (difference < MARGIN - reach)


def _difference(n_a: Floats, bad_a: Floats, n_b: Floats, bad_b: Floats) -> tuple[Floats, Floats]:
    rate_a, rate_b = bad_a / np.maximum(1, n_a), bad_b / np.maximum(1, n_b)
    variance = rate_a * (1 - rate_a) / np.maximum(1, n_a) + rate_b * (1 - rate_b) / np.maximum(1, n_b)
    return rate_b - rate_a, variance


def _by_rule(rule: Rule, values: Values, *, calm: bool, requests: int, runs: int) -> tuple[Floats, Floats]:
    """Canary values until rollback and until promotion in each run, infinite where there is none."""
    generator = np.random.default_rng(11)
    ends: tuple[list[Floats], list[Floats]] = ([], [])
    for size in _chunks(runs):
        canary = generator.random((size, requests)) < 0.1
        failed = values(generator, traffic.waves(generator, size, requests, calm=calm), canary)
        for end, decided in zip(ends, _pooled(rule, canary, failed), strict=True):
            end.append(decided)
    return np.concatenate(ends[0]), np.concatenate(ends[1])


def _pooled(rule: Rule, canary: Bools, failed: Floats) -> tuple[Floats, Floats]:
    """Canary values until the rule rolls back and until it promotes, from all requests so far taken together."""
    runs, requests = canary.shape
    n_b, bad_b = np.cumsum(canary, axis=1, dtype=float), np.cumsum(failed * canary, axis=1)
    n_a, bad_a = np.arange(1, requests + 1) - n_b, np.cumsum(failed, axis=1) - bad_b
    rollback, promotion = (
        np.where(decided.any(axis=1), n_b[np.arange(runs), np.argmax(decided, axis=1)], np.inf)
        for decided in rule(n_a, bad_a, n_b, bad_b)
    )
    return rollback, promotion


def _chunks(runs: int) -> list[int]:
    return [min(CHUNK, runs - start) for start in range(0, runs, CHUNK)]


def _five_checks(control: float, canary: float, runs: int) -> tuple[Floats, Floats]:
    """A service mesh's rule, by minutes of 60 requests each.

    A minute is a check, which passes if the canary's rate in it is at most the live rate and the
    margin. A pass raises the share from 5 % by 5 points; beyond 50 % it is promoted. Five failed
    checks roll back.
    """
    generator = np.random.default_rng(11)
    seen, failures, share = np.zeros(runs), np.zeros(runs), np.full(runs, 0.05)
    rollback, promotion = np.full(runs, np.inf), np.full(runs, np.inf)
    while True:
        going = np.isinf(rollback) & np.isinf(promotion)
        if not going.any():
            return rollback, promotion
        n = generator.binomial(60, np.minimum(0.5, share))
        failed = generator.binomial(n, canary) > n * (control + MARGIN)
        seen += np.where(going, n, 0)
        failures += going & failed
        share = np.where(going & ~failed, share + 0.05, share)
        rollback[going & (failures >= 5)] = seen[going & (failures >= 5)]
        promotion[going & (share > 0.5 + 1e-9)] = seen[going & (share > 0.5 + 1e-9)]


def _assay(values: Values, *, calm: bool, requests: int, runs: int) -> tuple[Floats, Floats]:
    found = [
        _tried(test, values, 0.1, requests, calm=calm, runs=runs).canary
        for test in (RateTest("above"), RateTest("below", margin=MARGIN))
    ]
    return found[0], found[1]


def _rules(runs: int) -> dict[str, Any]:
    """The same guard on errors, live at 5 %, canary at 10 % of the traffic, by the rules in use."""
    requests = LENGTHS[0.1]
    equal, worse, bad = errors(0.05, 0.05), errors(0.05, 0.05 + MARGIN), errors(0.05, 0.1)
    figures: dict[str, Any] = {}
    rows = []
    for name, decide in _METHODS.items():
        rollback, moving = (decide(equal, calm=calm, requests=requests, runs=runs)[0] for calm in (True, False))
        promotion = decide(worse, calm=True, requests=requests, runs=runs)[1]
        detected = decide(bad, calm=True, requests=requests, runs=runs)[0]
        figures[name] = _figures(rollback, promotion, detected) | {"moving": float(np.isfinite(moving).mean())}
        rows.append([name, *_shown(figures[name]), f"{figures[name]['moving']:.1%}"])
    name = "five failed checks, as service meshes"
    checks = [_five_checks(0.05, rate, runs) for rate in (0.05, 0.05 + MARGIN, 0.1)]
    figures[name] = _figures(checks[0][0], checks[1][1], checks[2][0])
    rows.append([name, *_shown(figures[name]), ""])
    header = ["rule", "equal rolled back", "worse by margin promoted", "5→10 % found", "median canary values", "p90"]
    table(
        "errors, live 5 %, share 10 %, margin .02, looked at after every of 12,000 requests",
        [*header, "equal rolled back, moving traffic"],
        rows,
    )
    figures["thresholds on rare errors"] = _rare(runs)
    return figures


def _rare(runs: int) -> float:
    """How often five failed checks of 99 % success promote a canary that fails at 3 %."""
    promoted = float(np.isfinite(_five_checks(0.01 - MARGIN, 0.03, runs)[1]).mean())
    table(
        "a canary that fails at 3 %, checks ask for 99 % success, 60 requests a minute",
        ["promoted"],
        [[f"{promoted:.0%}"]],
    )
    return promoted


def _figures(rollback: Floats, promotion: Floats, detected: Floats) -> dict[str, float]:
    return {
        "false rollback": float(np.isfinite(rollback).mean()),
        "false promotion": float(np.isfinite(promotion).mean()),
        "detected": float(np.isfinite(detected).mean()),
        "median": float(np.median(detected)),
        "p90": float(np.quantile(detected, 0.9, method="higher")),
    }


def _shown(figures: Mapping[str, float]) -> list[str]:
    rates = [f"{figures[name]:.1%}" for name in ("false rollback", "false promotion", "detected")]
    return [*rates, f"{figures['median']:.0f}", f"{figures['p90']:.0f}"]


_METHODS: Mapping[str, Callable[..., tuple[Floats, Floats]]] = {
    "Assay": _assay,
    "z-test for a fixed n, peeked": lambda values, **how: _by_rule(_z_test, values, **how),
    "mixture SPRT, as feature flags": lambda values, **how: _by_rule(_msprt, values, **how),
    "asymptotic sequence, as feature flags": lambda values, **how: _by_rule(_asymptotic, values, **how),
}


def _stages(runs: int) -> dict[str, float]:
    """An equal canary whose share grows while errors become more frequent for both arms."""
    generator = np.random.default_rng(12)
    requests = 8000
    share = np.array([0.01, 0.05, 0.25, 0.5])[np.arange(requests) * 4 // requests]
    rate = np.linspace(0.02, 0.2, requests)
    names = ("Assay", *(name for name in _METHODS if name != "Assay"))
    found = dict.fromkeys(names, 0)
    for size in _chunks(runs):
        canary = generator.random((size, requests)) < share
        failed = (generator.random((size, requests)) < rate).astype(float)
        ended = [traffic.crossing(RateTest("above"), canary, failed, (1, 1), threshold(ALPHA)).canary]
        ended += [_pooled(rule, canary, failed)[0] for rule in (_z_test, _msprt, _asymptotic)]
        for name, end in zip(names, ended, strict=True):
            found[name] += int(np.isfinite(end).sum())
    figures = {name: count / runs for name, count in found.items()}
    rows = [[name, f"{rate:.1%}"] for name, rate in figures.items()]
    table(
        f"stages of 1, 5, 25, 50 % while errors rise from 2 to 20 % in both arms, {runs} runs",
        ["", "equal rolled back"],
        rows,
    )
    return figures


def _outages(runs: int) -> dict[str, float]:
    """An equal canary through four outages that hit both arms, by how values are paired."""
    figures, rows = {}, []
    for share, requests in ((0.5, 20_000), (0.1, 20_000), (0.01, 40_000)):
        found = np.zeros(2)
        generator = np.random.default_rng(13)
        for size in _chunks(runs):
            canary = generator.random((size, requests)) < share
            rate = np.full((size, requests), 0.01)
            for row in rate:
                for start in generator.integers(0, requests, 4):
                    row[start : start + requests // 100] = 0.8
            failed = (generator.random(rate.shape) < rate).astype(float)
            for at, blocks in enumerate((cut(canary, shape(share)), _queues(canary, share))):
                peak = np.max(traffic.evidence(RateTest("above"), blocks.moments(failed), size), axis=0)
                found[at] += (peak >= threshold(ALPHA)).sum()
        figures[f"blocks {share:g}"], figures[f"queues {share:g}"] = found / runs
        rows.append([f"{share:.0%}", *(f"{rate:.1%}" for rate in found / runs)])
    header = ["share", "concurrent blocks", "queues with blocks of one size"]
    table(f"an equal canary rolled back, four outages of both arms, {runs} runs", header, rows)
    return figures


def _queues(canary: Bools, share: float) -> Cut:
    """Blocks of exactly the arms' ratio, each from its arm's queue."""
    runs, length = canary.shape
    controls = length - canary.sum(axis=1)
    ratio = round((1 - share) / share)
    count = np.arange(int(min((controls // ratio).min(), (length - controls).min())) + 1)
    ends = [np.repeat((count * least)[:, None], runs, axis=1) for least in (ratio, 1)]
    return Cut(ends[0], ends[1], np.argsort(canary, axis=1, kind="stable"), controls)


def _users(runs: int) -> dict[str, float]:
    """An equal canary where 6 % of the users fail nearly always and users come back, by what is counted."""
    figures, rows = {}, []
    plans: Mapping[str, tuple[float, ...]] = {
        "10 %": (0.1,),
        "50 %": (0.5,),
        "5, 25, 50 %": (0.05, 0.25, 0.5),
        "25 %, four stages": (0.25,) * 4,
    }
    for name, shares in plans.items():
        generator = np.random.default_rng(3)
        asked = traffic.visits(generator, runs, 6000, 600)
        fails = np.where(generator.random((runs, 600)) < 0.06, 0.8, 0.002)
        failed = (generator.random(asked.shape) < np.take_along_axis(fails, asked, axis=1)).astype(float)
        stage = np.arange(6000) * len(shares) // 6000
        canary = np.take_along_axis(generator.random((runs, 600)), asked, axis=1) < np.array(shares)[stage]
        counted = {
            "every request": [canary, failed],
            "each user once": traffic.votes(asked, canary, failed),
            "once a stage": traffic.votes(asked * len(shares) + stage, canary, failed),
        }
        row: list[object] = [name]
        for what, logs in counted.items():
            least = shape(min(0.5, float(np.mean(shares))))
            rate = traffic.crossing(RateTest("above"), logs[0], logs[1], least, threshold(ALPHA)).rate
            figures[f"{what} {name}"] = rate
            row.append(f"{rate:.1%}")
        rows.append(row)
    header = ["shares", "every request", "each user once", "each user once a stage"]
    table(f"an equal canary rolled back, users who come back, {runs} runs", header, rows)
    return figures


def _times(runs: int) -> dict[str, Any]:
    """Canary values until harm is found, and until an equal canary is shown not to be worse; with what is foreseen."""
    generator = np.random.default_rng(5)
    calm = np.zeros((1, 20_000))
    spent = costs(1.0)(generator, calm, calm > 1)[0].tolist()
    judged = quality(0.0)(generator, calm, calm > 1)[0].tolist()
    questions: Mapping[str, tuple[Callable[[], Test], Values, Callable[[float], Forecast]]] = {
        "errors 5→10 %": (
            lambda: RateTest("above"),
            errors(0.05, 0.1),
            lambda share: rate_forecast(RateTest("above"), control=0.05, canary=0.1, share=share),
        ),
        "errors 1→3 %": (
            lambda: RateTest("above"),
            errors(0.01, 0.03),
            lambda share: rate_forecast(RateTest("above"), control=0.01, canary=0.03, share=share),
        ),
        "cost doubled": (
            lambda: MeanTest("above", 0, CAP),
            costs(2.0),
            lambda share: mean_forecast(MeanTest("above", 0, CAP), values=spent, factor=2.0, share=share),
        ),
        "quality lower by .1": (
            lambda: MeanTest("below", 0, 1),
            quality(0.1),
            lambda share: mean_forecast(MeanTest("below", 0, 1), values=judged, shift=-0.1, share=share),
        ),
        "equal errors within .05": (
            lambda: RateTest("below", margin=0.05),
            errors(0.05, 0.05),
            lambda share: rate_forecast(RateTest("below", margin=0.05), control=0.05, canary=0.05, share=share),
        ),
        "equal cost within 1.2": (
            lambda: MeanTest("below", 0, CAP, ratio=1.2),
            costs(1.0),
            lambda share: mean_forecast(MeanTest("below", 0, CAP, ratio=1.2), values=spent, share=share),
        ),
        "equal quality within .05": (
            lambda: MeanTest("above", 0, 1, margin=-0.05),
            quality(0.0),
            lambda share: mean_forecast(MeanTest("above", 0, 1, margin=-0.05), values=judged, share=share),
        ),
    }
    figures, rows = {}, []
    for name, (test, values, forecast) in questions.items():
        for share, requests in ((0.1, 20_000), (0.5, 8_000)):
            trial = _tried(test(), values, share, requests, runs=runs)
            median, late = (float(np.quantile(trial.canary, part, method="higher")) for part in (0.5, 0.9))
            foreseen = forecast(share)
            figures[f"{name} {share:g}"] = {"median": median, "p90": late, "foreseen": foreseen.median}
            rows.append([name, f"{share:.0%}", f"{median:.0f}", f"{late:.0f}", foreseen.median, foreseen.late])
    header = ["question", "share", "median canary values", "p90", "foreseen median", "foreseen p90"]
    table("until a guard decides, steady traffic", header, rows)
    return figures
