"""How values, intervals, guards and verdicts are put into words and figures, the same in every face of a report."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from assay.evaluation.scoring import Kind, Metric
from assay.evaluation.verdicts import Compared, Fail, Guard, Inconclusive, Pass, Verdict
from assay.scores import Estimate

MINUS = "−"
ARROWS = {True: "higher is better", False: "lower is better"}


def value(kind: Kind, number: float, *, beside: Estimate | None = None) -> str:
    """A value with its unit: ``0.842``, ``1.24 s``, ``$0.0031``; in the unit that suits what stands ``beside`` it."""
    largest = abs(number) if beside is None else _largest(beside)
    return (MINUS if number < 0 else "") + _size(kind, abs(number), largest)


def interval(kind: Kind, found: Estimate) -> str:
    """The bounds alone, in the unit of the value: ``[0.801, 0.880]``."""
    bounds = (
        (MINUS if bound < 0 else "") + _size(kind, abs(bound), _largest(found), bare=True) for bound in _ends(found)
    )
    return f"[{', '.join(bounds)}]"


def estimate(kind: Kind, found: Estimate | None) -> str:
    """A value with its interval: ``1.24 s [1.02, 1.51]``; a dash where nothing was scored."""
    if found is None or found.n == 0:
        return "–"
    return f"{value(kind, found.value, beside=found)} {interval(kind, found)}"


def signed(kind: Kind, number: float) -> str:
    """A difference, with its sign: ``+0.012``."""
    return _signed(kind, number, abs(number))


def difference(kind: Kind, found: Estimate) -> str:
    """A difference with its interval, all signed."""
    if found.n == 0:
        return "no case has both"
    bounds = ", ".join(_signed(kind, bound, _largest(found), bare=True) for bound in _ends(found))
    return f"{_signed(kind, found.value, _largest(found))} [{bounds}]"


def tick(kind: Kind, number: float) -> str:
    """A value at an axis, as short as it can be."""
    match kind:
        case "milliseconds":
            return f"{number / 1000:g} s" if number >= 1000 else f"{number:g} ms"
        case "dollars":
            return f"${number:g}" if number == 0 or number >= 0.0001 else f"${number:.0e}"
        case "share" | "count":
            return f"{number:g}"


def probability(p: float | None) -> str:
    """A p-value; a dash where there is none."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict_word(verdict: Verdict | None) -> str:
    """``pass``, ``fail``, ``inconclusive``; ``reported`` where nothing was to be decided."""
    match verdict:
        case Pass():
            return "pass"
        case Fail():
            return "fail"
        case Inconclusive():
            return "inconclusive"
        case None:
            return "reported"


def verdict_reason(verdict: Verdict | None) -> str:
    """Why, and for an inconclusive verdict what would settle it."""
    why = "" if verdict is None else verdict.why
    return "; ".join(part for part in (why, settled_by(verdict)) if part)


def settled_by(verdict: Verdict | None) -> str:
    """How many more cases would turn an inconclusive verdict into another; empty where no number is known."""
    if not isinstance(verdict, Inconclusive) or verdict.needs is None:
        return ""
    return f"{count(verdict.needs, 'more case')} like these would settle it"


def guard_words(guard: Guard, metric: Metric) -> str:
    """What a guard demands, as a clause: ``not worse by more than 0.020``."""
    of = "" if guard.quantile is None else f"p{guard.quantile * 100:g} "
    if guard.margin is not None:
        return f"{of}not worse by more than {value(metric.kind, guard.margin)}"
    if guard.ratio is not None:
        return f"{of}not worse than {guard.ratio:g} times the baseline's"
    return f"{of}not worse"


SHOWN = 0.05


def change(compared: Compared) -> str:
    """Which way a difference points: ``better``, ``worse``, ``no difference shown``.

    It is shown once its interval excludes 0 and the test says so too, adjusted for all metrics.
    """
    found = compared.difference
    if found.low <= 0 <= found.high or (compared.p_adjusted is not None and compared.p_adjusted > SHOWN):
        return "no difference shown"
    return "better" if (found.value > 0) == compared.metric.higher_is_better else "worse"


def count(number: int, noun: str) -> str:
    """``1 case``, ``1,000 cases``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def when(seconds: float) -> str:
    """A moment in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clipped(text: str, limit: int) -> str:
    """The text on one line, at most ``limit`` characters long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _ends(found: Estimate) -> tuple[float, float]:
    return found.low, found.high


def _largest(found: Estimate) -> float:
    return max(abs(number) for number in (found.value, *_ends(found)) if math.isfinite(number))


def _signed(kind: Kind, number: float, largest: float, *, bare: bool = False) -> str:
    size = _size(kind, abs(number), largest, bare=bare)
    return size if number == 0 else ("+" if number > 0 else MINUS) + size


def _cents(largest: float) -> int:
    """The decimals of an amount in dollars."""
    if largest >= 0.01 or largest == 0:
        return 2 if largest >= 1 else 4
    return max(6, 2 - math.floor(math.log10(largest)))


def _size(kind: Kind, number: float, largest: float, *, bare: bool = False) -> str:
    """A size, in the unit and with the decimals that suit the ``largest`` beside it; ``bare`` leaves the unit out."""
    if math.isinf(number):
        return "∞"
    match kind:
        case "share":
            return f"{number:.3f}"
        case "milliseconds":
            size = f"{number / 1000:.2f}" if largest >= 1000 else f"{number:.{0 if largest >= 100 else 1}f}"
            return size if bare else f"{size} s" if largest >= 1000 else f"{size} ms"
        case "dollars":
            size = f"{number:,.{_cents(largest)}f}" if number else "0"
            return size if bare else f"${size}"
        case "count":
            return f"{number:,.{0 if largest >= 100 else 2}f}"
