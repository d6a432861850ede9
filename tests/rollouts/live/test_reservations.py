from __future__ import annotations

from pathlib import Path

import pytest

from assay.rollouts.live.reservations import EXPIRES_SECONDS, Reservations
from assay.rollouts.traffic.plan import Shadow
from assay.stores.database import Database
from assay.stores.events import EventLog


@pytest.fixture
def events(tmp_path: Path) -> EventLog:
    return EventLog(Database.at(tmp_path / "state.db"), clock=lambda: 1000.0)


def test_the_number_is_capped_over_all_processes(events: EventLog) -> None:
    two = [Reservations(events, "r1", Shadow(1.0, 7, 600.0, 1.0)) for _ in range(2)]
    made = [two[n % 2].reserve(f"t{n}", 0.001, 1000.0) for n in range(20)]
    assert sum(made) == 7
    for n in range(7):
        two[0].settle(f"t{n}", 0.0)
    assert not two[1].reserve("t99", 0.0, 1000.0)
    assert two[1].spent_up


def test_the_cost_is_capped_by_the_dearest_copy_so_far(events: EventLog) -> None:
    one, two = (Reservations(events, "r1", Shadow(1.0, 1000, 600.0, 1.0)) for _ in range(2))
    spent, made = 0.0, 0
    for n in range(100):
        each = (one, two)[n % 2]
        if not each.reserve(f"t{n}", 0.05, 1000.0):
            continue
        made += 1
        spent += 0.12
        each.settle(f"t{n}", 0.12)
    assert spent <= 1.0
    assert made == 8
    assert one.spent_up


def test_what_is_under_way_is_held_at_what_it_may_cost(events: EventLog) -> None:
    reservations = Reservations(events, "r1", Shadow(1.0, 1000, 600.0, 1.0))
    assert [reservations.reserve(f"t{n}", 0.3, 1000.0) for n in range(5)] == [True, True, True, False, False]
    reservations.settle("t0", 0.0)
    assert reservations.reserve("t5", 0.3, 1000.0)


def test_one_answer_is_copied_once(events: EventLog) -> None:
    one, two = (Reservations(events, "r1", Shadow(1.0, 10, 600.0, 1.0)) for _ in range(2))
    assert one.reserve("t", 0.0, 1000.0)
    assert not two.reserve("t", 0.0, 1000.0)


def test_what_a_killed_process_held_is_free_again_after_a_while(events: EventLog) -> None:
    killed, other = (Reservations(events, "r1", Shadow(1.0, 1, 600.0, 1.0)) for _ in range(2))
    assert killed.reserve("t0", 0.0, 1000.0)
    assert not other.reserve("t1", 0.0, 1000.0 + EXPIRES_SECONDS - 1)
    assert other.reserve("t1", 0.0, 1000.0 + EXPIRES_SECONDS)


def test_what_nobody_knows_the_cost_of_is_made_one_at_a_time(events: EventLog) -> None:
    one, two = (Reservations(events, "r1", Shadow(1.0, 1000, 600.0, 1.0)) for _ in range(2))
    assert one.reserve("t0", 0.0, 1000.0)
    assert not two.reserve("t1", 0.0, 1000.0)
    one.settle("t0", 0.6)
    assert not two.reserve("t1", 0.0, 1000.0)  # as dear as the one before, it would not fit
    assert two.spent_up


def test_a_copy_whose_cost_is_not_known_has_cost_what_was_reserved(events: EventLog) -> None:
    one, two = (Reservations(events, "r1", Shadow(1.0, 1000, 600.0, 1.0)) for _ in range(2))
    for n in range(3):
        assert one.reserve(f"t{n}", 0.3, 1000.0)
        one.settle(f"t{n}", None)
    assert not two.reserve("t3", 0.3, 1000.0)
    assert two.spent_up


def test_what_a_killed_process_may_have_spent_stays_spent(events: EventLog) -> None:
    killed, other = (Reservations(events, "r1", Shadow(1.0, 1000, 600.0, 1.0)) for _ in range(2))
    assert killed.reserve("t0", 0.8, 1000.0)
    assert not other.reserve("t1", 0.3, 1000.0 + EXPIRES_SECONDS)
    assert other.reserve("t2", 0.2, 1000.0 + EXPIRES_SECONDS)
