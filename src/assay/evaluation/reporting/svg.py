"""The few shapes that the charts are drawn with. Colours are the page's style sheet's; sizes are CSS pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.evaluation.reporting.markup import Child, Markup, element

WIDTH, HEIGHT = 360, 232
LEFT, RIGHT, TOP, BOTTOM = 56, 18, 16, 42

Text: TypeAlias = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high`` onto pixels from ``start`` to ``end``; those outside stay at the edge."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low if high > low else 1.0)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values within the scale, at most ``most`` or a few more."""
        return _decades(self.low, self.high) if self.logarithmic else _steps(self.low, self.high, most)


def across(low: float, high: float, *, logarithmic: bool = False) -> Scale:
    """The horizontal scale of a plot."""
    return Scale(low, high, LEFT, WIDTH - RIGHT, logarithmic)


def upward(low: float, high: float) -> Scale:
    """The vertical scale of a plot."""
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def plot(label: str, *shapes: Child, width: int = WIDTH, height: int = HEIGHT, class_: str = "plot") -> Markup:
    """A drawing that says in ``label`` what it shows."""
    return element("svg", *shapes, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, class_=class_)


def axes(x: Scale, y: Scale, x_name: str, y_name: str, x_text: Text, y_text: Text) -> Markup:
    """Grid, ticks and names of both axes. ``x_text`` and ``y_text`` write a value."""
    bottom, left = y.start, x.start
    return element(
        "g",
        [line(left, y(at), x.end, y(at), "grid") for at in y.ticks()],
        [line(x(at), bottom, x(at), bottom + 4, "axis") for at in x.ticks()],
        line(left, bottom, x.end, bottom, "axis"),
        [text(x(at), bottom + 16, x_text(at), "tick", anchor="middle") for at in x.ticks()],
        [text(left - 6, y(at) + 4, y_text(at), "tick", anchor="end") for at in y.ticks()],
        text((left + x.end) / 2, bottom + 35, x_name, "name", anchor="middle"),
        element(
            "text",
            y_name,
            class_="name",
            text_anchor="middle",
            transform=f"translate(12 {y.end / 2 + bottom / 2}) rotate(-90)",
        ),
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def text(x: float, y: float, words: str, class_: str, *, anchor: str = "start") -> Markup:
    return element("text", words, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def dot(x: float, y: float, class_: str, *, radius: float = 4, tip: str = "") -> Markup:
    """A point, with a tooltip where there is one."""
    return element("circle", _tip(tip), cx=float(x), cy=float(y), r=float(radius), class_=class_)


def bar(x: float, y: float, width: float, height: float, class_: str, *, tip: str = "") -> Markup:
    sizes = {"x": float(x), "y": float(y), "width": float(max(width, 0)), "height": float(max(height, 0))}
    return element("rect", _tip(tip), **sizes, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, *, closed: bool = False) -> Markup:
    """Straight lines from point to point."""
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polygon" if closed else "polyline", points=told, class_=class_)


def whisker(low: float, high: float, y: float, class_: str) -> Markup:
    """A horizontal interval with ends."""
    ends = [line(at, y - 3, at, y + 3, class_) for at in (low, high)]
    return element("g", line(low, y, high, y, class_), ends)


def upright_whisker(x: float, low: float, high: float, class_: str) -> Markup:
    """A vertical interval with ends."""
    ends = [line(x - 3, at, x + 3, at, class_) for at in (low, high)]
    return element("g", line(x, low, x, high, class_), ends)


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """Names with the class of what they stand for, in HTML."""
    return element(
        "p",
        [element("span", element("i", class_=f"key {key}", aria_hidden="true"), name) for name, key in entries],
        class_="legend",
    )


def _tip(words: str) -> Markup | None:
    return element("title", words) if words else None


def _steps(low: float, high: float, most: int) -> list[float]:
    if not high > low:
        return [low]
    raw = (high - low) / most
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, only the powers where these are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in found if low <= value <= high]
