"""Assignment: the same everywhere, in proportion, and moving no more people than it must."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.rollouts.traffic.assignment import assign, unit_of

UNITS = [unit_of("r1", f"user-{n}") for n in range(40_000)]


def _share_of(arm: str, shares: dict[str, float], units: list[str] = UNITS) -> float:
    return sum(assign("r1", unit, shares) == arm for unit in units) / len(units)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
def test_shares_are_exact_in_proportion(share: float) -> None:
    error = math.sqrt(share * (1 - share) / len(UNITS))
    assert abs(_share_of("candidate", {"live": 1 - share, "candidate": share}) - share) < 4 * error


def test_three_arms_are_exact_in_proportion_too() -> None:
    shares = {"A": 0.2, "B": 0.3, "C": 0.5}
    for arm, share in shares.items():
        assert abs(_share_of(arm, shares) - share) < 4 * math.sqrt(share * (1 - share) / len(UNITS))


@given(st.text(min_size=1), st.floats(0.001, 0.9), st.floats(1.0, 1.1))
def test_who_has_the_candidate_keeps_it_when_its_share_grows(who: str, share: float, more: float) -> None:
    unit = unit_of("r1", who)
    grown = min(0.999, share * more)
    if assign("r1", unit, {"live": 1 - share, "candidate": share}) == "candidate":
        assert assign("r1", unit, {"live": 1 - grown, "candidate": grown}) == "candidate"


def test_growing_one_of_three_arms_moves_units_to_it_only() -> None:
    before, after = {"A": 0.4, "B": 0.4, "C": 0.2}, {"A": 0.3, "B": 0.3, "C": 0.4}
    moves = {(assign("e", u, before), assign("e", u, after)) for u in UNITS[:5_000]}
    assert {pair for pair in moves if pair[0] != pair[1]} == {("A", "C"), ("B", "C")}


def test_rollouts_split_the_same_people_independently() -> None:
    """Else the same few users would be everybody's canaries."""
    shares = {"live": 0.9, "candidate": 0.1}
    people = [f"user-{n}" for n in range(20_000)]
    first = {p for p in people if assign("r1", unit_of("r1", p), shares) == "candidate"}
    second = {p for p in people if assign("r2", unit_of("r2", p), shares) == "candidate"}
    expected = 0.01 * len(people)
    assert abs(len(first & second) - expected) < 5 * math.sqrt(expected)


def test_another_process_says_the_same() -> None:
    code = (
        "from assay.rollouts.traffic.assignment import assign, unit_of;"
        "print(''.join(assign('r1', unit_of('r1', f'u{n}'), {'a': .5, 'b': .5}) for n in range(200)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "".join(assign("r1", unit_of("r1", f"u{n}"), {"a": 0.5, "b": 0.5}) for n in range(200))


def test_an_arm_without_a_share_gets_nobody() -> None:
    assert all(assign("r", unit, {"live": 1.0, "candidate": 0.0}) == "live" for unit in UNITS[:500])
    with pytest.raises(ValueError, match="no arm"):
        assign("r", "u", {"live": 0.0})
