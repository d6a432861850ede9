"""Two rankers compared on the same questions: team-draft interleaving, decided by who is clicked.

Method: Radlinski, Kurup and Joachims (2008). In each round a coin says which ranker picks first;
each picks its best item that is not in the list yet. What was clicked (opened, cited) credits its
team. Every question is randomised by itself, so one user's questions may all count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assay.errors import InputError

Team: TypeAlias = Literal["first", "second"]
Preference: TypeAlias = Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Slot:
    """An item of the merged list, and the ranker whose pick it was."""

    item: str
    team: Team


def team_draft(first: Sequence[str], second: Sequence[str], *, seed: str, length: int) -> list[Slot]:
    """Merge two rankings into at most ``length`` items; the same seed gives the same list.

    Use a seed of the question's own (such as its trace), so that it can be drawn again. A ranker
    that has nothing left passes. Raises InputError for a ranking that holds an item twice.
    """
    for ranking in (first, second):
        if len(set(ranking)) < len(ranking):
            raise InputError("a ranking holds an item twice")
    merged: list[Slot] = []
    taken: set[str] = set()
    rounds = 0
    while len(merged) < length and not taken.issuperset((*first, *second)):
        order: tuple[Team, Team] = ("first", "second") if _coin(seed, rounds) else ("second", "first")
        rounds += 1
        for team in order:
            item = next((item for item in (first if team == "first" else second) if item not in taken), None)
            if item is not None and len(merged) < length:
                merged.append(Slot(item, team))
                taken.add(item)
    return merged


def credit(slots: Sequence[Slot], clicked: Collection[str]) -> Preference:
    """Which ranker has more of its picks clicked."""
    lead = sum((1 if slot.team == "first" else -1) for slot in slots if slot.item in clicked)
    return "tie" if lead == 0 else "first" if lead > 0 else "second"


@dataclass(slots=True)
class SignTest:
    """Evidence that one ranker is preferred more often than the other; ties say nothing.

    Two-sided: a bet on the win rate by Krichevsky and Trofimov's mixture, against a fair coin.
    """

    log_e: float = 0.0
    peak: float = 0.0
    first: int = 0
    second: int = 0
    ties: int = 0

    def add(self, outcome: Preference) -> None:
        """Take the preference of one question."""
        if outcome == "tie":
            self.ties += 1
            return
        wins = self.first if outcome == "first" else self.second
        self.log_e += math.log(2 * (wins + 0.5) / (self.first + self.second + 1))
        self.peak = max(self.peak, self.log_e)
        if outcome == "first":
            self.first += 1
        else:
            self.second += 1


def _coin(seed: str, number: int) -> bool:
    return bool(hashlib.sha256(f"{seed}\n{number}".encode()).digest()[0] & 1)
