from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from assay.errors import StoreError
from assay.rollouts.live.recording import Recording
from assay.rollouts.traffic.observations import Observation, stream
from assay.stores.database import Database
from assay.stores.events import EventLog

pytestmark = pytest.mark.anyio


class Store(EventLog):
    """A store that can be broken."""

    broken = False
    calls = 0

    def append(self, stream: str, events: Sequence[Mapping[str, Any]], **more: Any) -> int:
        self.calls += 1
        if self.broken:
            raise StoreError("the disk is full")
        return super().append(stream, events, **more)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Database.at(tmp_path / "state.db"))


def seen(number: int, value: float = 1.0) -> Observation:
    return Observation(f"u{number}", "live", 0, f"t{number}", {"latency": value})


def written(store: Store, id: str = "r1") -> list[Observation]:
    return [Observation.from_event(each.event) for each in store.read(stream(id))]


async def test_observations_are_written_together_and_in_order(store: Store) -> None:
    recording = Recording(store, print)
    for number in range(250):
        recording.add("r1" if number < 200 else "r2", seen(number))
    assert store.calls == 0
    assert await recording.flush()
    assert written(store) == [seen(number) for number in range(200)]
    assert written(store, "r2") == [seen(number) for number in range(200, 250)]
    assert store.calls == 2
    assert recording.counts.written == 250


async def test_they_are_written_soon_and_a_full_batch_at_once(store: Store, eventually: Callable[..., Any]) -> None:
    soon, full = Recording(store, print, every=0.01), Recording(store, print, every=3600, batch=10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(soon.run)
        tasks.start_soon(full.run)
        soon.add("r1", seen(0))
        await eventually(lambda: len(written(store)) == 1)
        for number in range(10):
            full.add("r2", seen(number))
        await eventually(lambda: len(written(store, "r2")) == 10)
        tasks.cancel_scope.cancel()


async def test_a_broken_store_keeps_them_and_is_told_of_once(store: Store, eventually: Callable[..., Any]) -> None:
    told: list[str] = []
    recording = Recording(store, told.append, every=0.01)
    store.broken = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recording.run)
        for number in range(5):
            recording.add("r1", seen(number))
        await eventually(lambda: store.calls >= 3)
        recording.add("r1", seen(5))
        store.broken = False
        await eventually(lambda: len(written(store)) == 6)
        tasks.cancel_scope.cancel()
    assert written(store) == [seen(number) for number in range(6)]
    assert len(told) == 1
    assert "the disk is full" in told[0]


async def test_what_is_kept_is_bounded_and_the_oldest_go(store: Store) -> None:
    recording = Recording(store, lambda _: None, most=10)
    store.broken = True
    for number in range(25):
        recording.add("r1", seen(number))
    assert not await recording.flush()
    recording.add("r1", seen(25))
    store.broken = False
    assert await recording.flush()
    assert written(store) == [seen(number) for number in range(16, 26)]
    assert recording.counts.dropped == 16


async def test_what_can_never_be_written_does_not_stand_in_the_way(store: Store) -> None:
    told: list[str] = []
    recording = Recording(store, told.append)
    recording.add("bad", seen(0, float("nan")))
    recording.add("r1", seen(1))
    assert await recording.flush()
    assert written(store) == [seen(1)]
    assert recording.counts.dropped == 1
    assert "left out" in told[0]
