"""The limiter against providers that refuse, on a virtual clock."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import ModelUnavailable, RateLimited
from assay.evaluation.running.limiter import Limiter, Patience


class Time:
    """A clock that moves on when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeping: list[tuple[float, int, anyio.Event]] = []
        self._count = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        event = anyio.Event()
        self._count += 1
        heapq.heappush(self._sleeping, (self.now + max(0.0, seconds), self._count, event))
        await event.wait()

    async def run(self, *works: Callable[[], Awaitable[None]]) -> None:
        """All of these to their end."""
        left = len(works)

        async def counted(work: Callable[[], Awaitable[None]]) -> None:
            nonlocal left
            try:
                await work()
            finally:
                left -= 1

        async with anyio.create_task_group() as group:
            for work in works:
                group.start_soon(counted, work)
            while left:
                for _ in range(12):  # a few turns of the loop: until what can go on has gone on
                    await anyio.lowlevel.checkpoint()
                if left:
                    assert self._sleeping, "everybody waits and nobody sleeps: a lost wake-up"
                    self.now, _, event = heapq.heappop(self._sleeping)
                    event.set()


class Provider:
    """Takes ``per_second`` calls in any second (None: all), says when to come back if ``tells``."""

    def __init__(self, time: Time, *, per_second: int | None = None, tells: bool = True, takes: float = 0.2) -> None:
        self.time, self.per_second, self.tells, self.takes = time, per_second, tells, takes
        self.begun: list[float] = []
        self.recent: deque[float] = deque()
        self.refused = self.running = self.most = 0

    async def call(self) -> float:
        now = self.time.now
        while self.recent and self.recent[0] <= now - 1:
            self.recent.popleft()
        if self.per_second is not None and len(self.recent) >= self.per_second:
            self.refused += 1
            raise RateLimited("slow down", model="m", retry_after=self.recent[0] + 1 - now if self.tells else None)
        self.recent.append(now)
        self.begun.append(now)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.time.sleep(self.takes)
        finally:
            self.running -= 1
        return now


def limiter(time: Time, most: int, **patience: float) -> Limiter:
    return Limiter(most, Patience(sleep=time.sleep, clock=time.clock, random=lambda: 0.5, **patience))  # type: ignore[arg-type]


async def asked(time: Time, limited: Limiter, provider: Provider, calls: int) -> list[float]:
    answered: list[float] = []

    async def one() -> None:
        answered.append(await limited.call(provider.call))

    await time.run(*[one] * calls)
    return answered


@pytest.mark.anyio
async def test_an_unlimited_provider_gets_all_that_it_may() -> None:
    time = Time()
    provider = Provider(time)
    answered = await asked(time, limiter(time, 8), provider, 80)
    assert len(answered) == 80
    assert provider.most == 8
    assert time.now == pytest.approx(80 / 8 * 0.2)


@pytest.mark.anyio
async def test_a_provider_that_tells_its_reset_is_used_well_and_seldom_refuses() -> None:
    time = Time()
    provider = Provider(time, per_second=20)
    answered = await asked(time, limiter(time, 32), provider, 400)
    assert len(answered) == 400
    assert time.now <= 400 / 20 * 1.3
    assert provider.refused <= 80


@pytest.mark.anyio
async def test_a_provider_that_tells_nothing_is_found_out() -> None:
    time = Time()
    provider = Provider(time, per_second=20, tells=False)
    answered = await asked(time, limiter(time, 32), provider, 400)
    assert len(answered) == 400
    assert time.now <= 400 / 20 * 3


@pytest.mark.anyio
async def test_nothing_begins_before_the_reset() -> None:
    time = Time()
    limited = limiter(time, 4)
    refusals = iter([RateLimited("wait", model="m", retry_after=30.0)])
    begun: list[float] = []

    async def work() -> None:
        begun.append(time.now)
        if (error := next(refusals, None)) is not None:
            raise error
        await time.sleep(0.1)

    async def one() -> None:
        await limited.call(work)

    async def late() -> None:
        await time.sleep(5.0)
        assert limited.paused == pytest.approx(25.0)
        await limited.call(work)

    await time.run(*[one] * 12, late)
    assert [t for t in begun if t < 30] == [0.0]
    assert len(begun) == 14


@pytest.mark.anyio
async def test_calls_refused_side_by_side_halve_once_and_successes_grow_it_again() -> None:
    time = Time()
    limited = limiter(time, 16)
    refuse = True

    async def work() -> None:
        await time.sleep(0.1)
        if refuse:
            raise RateLimited("wait", model="m", retry_after=1.0)

    async def one() -> None:
        await limited.call(work)

    async def relent() -> None:
        nonlocal refuse
        await time.sleep(0.5)
        assert limited.limit == 8
        refuse = False

    await time.run(*[one] * 16, relent)
    assert 8 <= limited.limit <= 10
    await time.run(*[one] * 200)
    assert limited.limit == 16


@pytest.mark.anyio
async def test_other_errors_pass_at_once_and_shrink_nothing() -> None:
    time = Time()
    limited = limiter(time, 8)
    calls = 0

    async def broken() -> None:
        nonlocal calls
        calls += 1
        raise ModelUnavailable("down", model="m")

    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await limited.call(broken)
    assert (calls, limited.limit, limited.running, limited.paused) == (5, 8, 0, 0.0)


@pytest.mark.anyio
async def test_patience_ends() -> None:
    time = Time()
    limited = limiter(time, 2, attempts=3, base=1.0)
    tried: list[float] = []

    async def never() -> None:
        tried.append(time.now)
        raise RateLimited("no", model="m")

    async def one() -> None:
        with pytest.raises(RateLimited):
            await limited.call(never)

    await time.run(one)
    assert tried == [0.0, 1.25, 3.75]
    assert limited.running == 0


@pytest.mark.anyio
async def test_a_reset_beyond_patience_ends_the_tries_and_stops_nobody_else() -> None:
    time = Time()
    limited = limiter(time, 2, longest=60.0)

    async def tomorrow() -> None:
        raise RateLimited("quota", model="m", retry_after=86_400.0)

    with pytest.raises(RateLimited):
        await limited.call(tomorrow)
    assert limited.paused == 0.0


@pytest.mark.anyio
async def test_callers_go_in_the_order_of_their_coming() -> None:
    time = Time()
    limited = limiter(time, 2)
    began: list[int] = []

    def caller(number: int) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            began.append(number)
            await time.sleep(0.1)

        async def one() -> None:
            await limited.call(work)

        return one

    await time.run(*[caller(number) for number in range(20)])
    assert began == list(range(20))


def test_none_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Limiter(0)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), most=st.integers(1, 6), callers=st.integers(1, 25))
def test_cancelled_anywhere_no_slot_is_lost_and_none_too_many_run(seed: int, most: int, callers: int) -> None:
    async def scenario() -> None:
        chance, time = random.Random(seed), Time()
        limited = limiter(time, most, attempts=30, base=0.1, longest=5.0)
        running = finished = cancelled = 0

        async def work() -> None:
            nonlocal running
            running += 1
            assert running <= most
            try:
                await time.sleep(chance.uniform(0, 0.3))
                if chance.random() < 0.3:
                    raise RateLimited("wait", model="m", retry_after=chance.choice([None, 0.05, 0.5]))
            finally:
                running -= 1

        async def one() -> None:
            nonlocal finished, cancelled
            await time.sleep(chance.uniform(0, 0.5))
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:

                    async def leave() -> None:
                        await time.sleep(chance.uniform(0, 1.5))
                        scope.cancel()

                    if chance.random() < 0.5:
                        group.start_soon(leave)
                    await limited.call(work)
                    group.cancel_scope.cancel()
            finished += not scope.cancelled_caught
            cancelled += scope.cancelled_caught

        await time.run(*[one] * callers)
        assert finished + cancelled == callers
        assert (limited.running, running) == (0, 0)
        # Whoever comes now gets in.
        await time.run(*[lambda: limited.call(lambda: time.sleep(0.1))] * most)

    anyio.run(scenario)
