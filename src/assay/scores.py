"""Measured quantities: never a bare number, never a silent gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Scored:
    value: float


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why there is no value. Never 0, 1 or NaN in its place."""

    reason: str


Score: TypeAlias = Scored | Unscored


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity with its uncertainty.

    ``low`` and ``high`` bound the interval that ``method`` names, at 95 % unless it says
    otherwise; ``n`` values entered, ``unscored`` could not.
    """

    value: float
    low: float
    high: float
    n: int
    unscored: int
    method: str

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
