from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.from_thread
import pytest

from assay.evaluation.running.in_order import in_order

pytestmark = pytest.mark.anyio


async def test_results_come_in_the_order_of_the_items_though_the_last_is_done_first() -> None:
    gates = [anyio.Event() for _ in range(3)]
    begun: list[int] = []

    async def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            for gate in gates[:2]:
                gate.set()
        else:
            await gates[item].wait()
        return item * 10

    with anyio.fail_after(5):
        async with in_order(iter(range(3)), work, at_once=3) as results:
            assert [result async for result in results] == [0, 10, 20]
    assert sorted(begun) == [0, 1, 2]


async def test_no_more_are_begun_than_may_be() -> None:
    running = most = 0
    full = anyio.Event()

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            full.set()
        await full.wait()
        running -= 1
        return item

    with anyio.fail_after(5):
        async with in_order(iter(range(20)), work, at_once=4) as results:
            assert [result async for result in results] == list(range(20))
    assert most == 4


async def test_a_result_is_there_before_the_next_item_is() -> None:
    seen = anyio.Event()

    def slow() -> Iterator[int]:
        yield 1
        anyio.from_thread.run(seen.wait)
        yield 2

    async def work(item: int) -> int:
        return item

    found = []
    with anyio.fail_after(5):
        async with in_order(slow(), work, at_once=2) as results:
            async for result in results:
                found.append(result)
                seen.set()
    assert found == [1, 2]


async def test_an_error_ends_everything_and_comes_as_it_is() -> None:
    async def work(item: int) -> int:
        if item == 2:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        await drain(iter(range(100)), work)


async def test_an_error_of_the_items_too() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await drain(broken(), same)


async def test_an_error_of_the_block_too() -> None:
    with pytest.raises(ValueError, match="enough"):
        await drain(iter(range(9)), same, until=3)


async def test_nothing_gives_nothing() -> None:
    assert await drain(iter(()), same) == []


async def same(item: int) -> int:
    return item


async def drain(items: Iterator[int], work: Callable[[int], Awaitable[int]], *, until: int = -1) -> list[int]:
    found = []
    with anyio.fail_after(5):
        async with in_order(items, work, at_once=2) as results:
            async for result in results:
                found.append(result)
                if result == until:
                    raise ValueError("enough")
    return found
