"""Units: who is counted, who votes, and whether the split is as planned."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.rollouts.evidence.deciding import MISMATCH_ALPHA
from assay.rollouts.evidence.voters import CANDIDATE, Units, Voters, voting_shares
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.statistics.anytime.evidence import threshold

SHARES = (0.1, 0.3, 0.5)
BIT = 2


def _is_candidate(salt: str, unit: str, share: float) -> bool:
    return assign(salt, unit, {"live": 1 - share, "candidate": share}) == "candidate"


def _seen(voters: Voters, salt: str, stage: int, unit: str) -> None:
    voters.ballot(stage, unit, candidate=_is_candidate(salt, unit, voters.shares[stage]))


def test_a_unit_counts_once_a_stage() -> None:
    voters = Voters(SHARES)
    for _ in range(5):
        voters.ballot(0, "u", candidate=False)
        voters.ballot(1, "u", candidate=True)
    assert voters.units(0) == Units(live=1)
    assert voters.units(1) == Units(candidate=1)
    assert voters.units(-1) == voters.units(9) == Units()


def test_live_votes_again_at_the_next_stage_and_the_candidate_does_not() -> None:
    voters = Voters(SHARES)
    for unit, candidate in (("l", False), ("c", True)):
        ballot = voters.ballot(0, unit, candidate=candidate)
        assert ballot is not None
        voters.cast(0, unit, ballot | BIT)
    again, kept = voters.ballot(1, "l", candidate=False), voters.ballot(1, "c", candidate=True)
    assert again is not None
    assert kept is not None
    assert not again & BIT
    assert kept & BIT
    assert kept & CANDIDATE


def test_a_unit_of_live_that_moves_to_the_candidate_votes_afresh() -> None:
    voters = Voters(SHARES)
    ballot = voters.ballot(0, "u", candidate=False)
    assert ballot == 0
    voters.cast(0, "u", BIT)
    assert voters.ballot(1, "u", candidate=True) == CANDIDATE


def test_a_unit_that_is_seen_with_both_arms_of_a_stage_does_not_vote_with_the_second() -> None:
    voters = Voters(SHARES)
    voters.ballot(0, "u", candidate=False)
    assert voters.ballot(0, "u", candidate=True) is None
    assert voters.units(0) == Units(live=1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_right_split_is_seldom_called_a_mismatch_though_everybody_comes_back_at_each_stage(seed: int) -> None:
    salt, voters = f"r{seed}", Voters(SHARES)
    everybody = [unit_of(salt, str(n)) for n in range(300)]
    for stage in range(len(SHARES)):
        random.Random(seed + stage).shuffle(everybody)
        for unit in everybody:
            _seen(voters, salt, stage, unit)
    # 30 examples at a chance of 0.001 each would all but never reach it; a wrong conditional share does at once.
    assert voters.ratio.peak < threshold(MISMATCH_ALPHA) + 3


def test_every_stage_expects_its_share_of_the_units_that_are_new_to_it() -> None:
    voters = Voters((0.2, 0.6))
    for n in range(4_000):
        unit = unit_of("r", str(n))
        _seen(voters, "r", 0, unit)
        _seen(voters, "r", 1, unit)
    # Of 4,000 some 800 are the candidate's at first, and half of the other 3,200 join them.
    assert abs(voters.ratio.expected["candidate"] - (800 + 1_600)) < 60
    assert abs(voters.ratio.counts["candidate"] - voters.ratio.expected["candidate"]) < 120


def test_missing_units_of_the_candidate_are_a_mismatch() -> None:
    voters = Voters((0.5,))
    source = random.Random(3)
    for n in range(3_000):
        unit = unit_of("r", str(n))
        candidate = _is_candidate("r", unit, 0.5)
        if not candidate or source.random() > 0.2:  # one in five of its users never comes through
            voters.ballot(0, unit, candidate=candidate)
    assert voters.ratio.peak > threshold(MISMATCH_ALPHA)


def test_units_that_fall_back_to_live_are_no_draw_that_hides_a_broken_split() -> None:
    voters = Voters((0.1, 0.5))
    for n in range(400):
        unit = unit_of("r", str(n))
        _seen(voters, "r", 0, unit)
        voters.ballot(1, unit, candidate=False)
    assert voters.ratio.peak > threshold(MISMATCH_ALPHA)


def test_what_the_candidate_votes_on_in_one_stage_it_does_not_in_another_whichever_is_recorded_first() -> None:
    voters = Voters(SHARES)
    for stage in (0, 1):
        voters.ballot(stage, "u", candidate=True)
    voters.cast(0, "u", CANDIDATE | BIT)  # a score that came late
    assert voters.ballot(1, "u", candidate=True) == CANDIDATE | BIT


def test_a_unit_that_is_recorded_late_is_drawn_once() -> None:
    voters = Voters(SHARES)
    for stage in (2, 1, 0):
        voters.ballot(stage, "u", candidate=True)
    assert voters.ratio.counts == {"candidate": 1}


def test_those_who_vote_are_the_ones_whom_no_share_before_had_drawn() -> None:
    assert voting_shares((0.2, 0.6, 0.8)) == pytest.approx((0.2, 0.5, 0.5))
    assert voting_shares((0.3,)) == (0.3,)
