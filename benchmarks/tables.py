"""Plain Markdown tables on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from assay.scores import Estimate


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a titled Markdown table; columns are as wide as they must be."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n### {title}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)


def difference(estimate: Estimate) -> str:
    """A difference with its sign."""
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def p_value(p: float) -> str:
    """A p-value as people read it."""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def verdict(value: float, bar: float | None, *, at_most: bool = False) -> str:
    """Whether a figure meets its bar; empty where there is none."""
    if bar is None:
        return ""
    met = value <= bar if at_most else value >= bar
    return f"{'≤' if at_most else '≥'} {bar:g}: {'met' if met else 'MISSED'}"
