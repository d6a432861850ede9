"""A piece of work is one holder's at a time, and nobody waits for the dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.digest import Digest, digest
from assay.stores.claims import LEASE_SECONDS, Claims, ended, holder
from assay.stores.database import Database

KEYS = [digest(number) for number in range(6)]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "state.db")


def test_what_one_holds_another_does_not_get_until_it_is_released(database: Database) -> None:
    claims, one, other = Claims(database), holder(), holder()
    assert claims.take(KEYS[:4], one) == set(KEYS[:4])
    assert claims.take(KEYS[2:], other) == set(KEYS[4:])
    assert claims.take(KEYS, one) == set(KEYS[:4])
    claims.release(one, KEYS[:1])
    assert claims.take(KEYS, other) == {KEYS[0], *KEYS[4:]}
    claims.release(one)
    assert claims.take(KEYS, other) == set(KEYS)
    claims.release(one)  # no longer its own
    assert claims.take(KEYS, holder()) == frozenset()


def test_a_claim_ends_unless_it_is_renewed(database: Database) -> None:
    now = [1000.0]
    claims, one, other = Claims(database, clock=lambda: now[0]), holder(), holder()
    claims.take(KEYS[:2], one)
    now[0] += LEASE_SECONDS - 1
    claims.renew(one)
    now[0] += LEASE_SECONDS - 1
    assert claims.take(KEYS[:1], other) == frozenset()
    now[0] += 2
    assert claims.take(KEYS[:1], other) == {KEYS[0]}
    assert claims.take(KEYS[:2], one) == {KEYS[1]}


def test_a_claim_of_a_clock_far_ahead_keeps_nobody_waiting(database: Database) -> None:
    ahead = Claims(database, clock=lambda: 1e9 + 3600)
    ahead.take(KEYS, holder())
    assert Claims(database, clock=lambda: 1e9).take(KEYS, holder()) == set(KEYS)


def test_a_claim_of_a_process_that_has_ended_is_free_at_once(database: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = f"{socket.gethostname()}:{process.pid}:x"
    claims = Claims(database)
    assert claims.take(KEYS, dead) == set(KEYS)
    assert claims.take(KEYS, holder()) == set(KEYS)
    assert ended(dead)
    assert not ended(holder())
    assert not ended(f"elsewhere.example:{process.pid}:x")
    assert not ended(f"{socket.gethostname()}:{os.getppid()}:x")
    assert not ended("no such form")


def test_many_who_claim_at_once_get_each_key_once(database: Database) -> None:
    keys = [digest(["of many", number]) for number in range(60)]

    def claim(number: int) -> frozenset[Digest]:
        claims, mine, who = Claims(database), frozenset[Digest](), holder()
        order = keys if number % 2 else keys[::-1]
        for start in range(0, len(order), 7):
            mine |= claims.take(order[start : start + 7], who)
        return mine

    Claims(database)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(claim, range(6)))
    assert sorted(key for mine in found for key in mine) == sorted(keys)
