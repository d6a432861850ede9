"""Quantities with their unit, as they are written in ``assay.toml``: ``"4 s"``, ``"0.02 USD"``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_QUANTITY = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-zµ$€]*)\s*", re.ASCII)
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span in seconds."""

    seconds: float

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read ``"250 ms"``, ``"4 s"``, ``"2 min"``, ``"1 h"`` or ``"7 d"``. Raises ValueError."""
        if isinstance(value, Duration):
            return value
        number, unit = _split(value, example="4 s")
        if unit not in _SECONDS:
            raise ValueError(f'"{value}" has the unit "{unit}"; known: {", ".join(_SECONDS)}')
        return cls(float(number * _SECONDS[unit]))

    def __str__(self) -> str:
        seconds = Decimal(str(self.seconds))
        return f"{_spell(seconds * 1000)} ms" if 0 < seconds < 1 else f"{_spell(seconds)} s"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of US dollars, the currency that price lists are in."""

    usd: float

    @classmethod
    def parse(cls, value: object) -> Money:
        """Read ``"0.02 USD"``. Raises ValueError."""
        if isinstance(value, Money):
            return value
        number, unit = _split(value, example="0.02 USD")
        if unit != "USD":
            raise ValueError(f'"{value}" is in "{unit}"; prices are known in USD only: write "{number} USD"')
        return cls(float(number))

    def __str__(self) -> str:
        return f"{_spell(Decimal(str(self.usd)))} USD"


def _split(value: object, *, example: str) -> tuple[Decimal, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = example.split()[-1]
        raise ValueError(f'{value} has no unit: write text such as "{value} {unit}"')
    if not isinstance(value, str):
        raise ValueError(f'must be text with a number and a unit, such as "{example}"')
    found = _QUANTITY.fullmatch(value)
    if found is None:
        raise ValueError(f'"{value}" is not a number with a unit; write for example "{example}"')
    if not found["unit"]:
        raise ValueError(f'"{value}" has no unit; write for example "{example}"')
    return Decimal(found["number"]), found["unit"]


def _spell(number: Decimal) -> str:
    """Without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
