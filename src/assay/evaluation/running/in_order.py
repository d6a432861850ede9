"""Work on a stream, several items at once, results in the stream's order and as soon as they can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectSendStream

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Slot(Generic[R]):
    """The place of a result that is still being made."""

    done: anyio.Event = field(default_factory=anyio.Event)
    results: list[R] = field(default_factory=list)


@asynccontextmanager
async def in_order(
    items: Iterator[T], work: Callable[[T], Awaitable[R]], *, at_once: int
) -> AsyncIterator[AsyncIterator[R]]:
    """Inside the block, an iterator over ``work(item)`` for each item, in order, at most ``at_once`` unfinished.

    Items are drawn in a thread, since the next may be long in coming (a pipe), and never more than ``at_once``
    ahead of what was taken. What ``work``, ``items`` or the block raises ends everything.
    """
    send, receive = anyio.create_memory_object_stream[_Slot[R]](at_once)
    room = anyio.Semaphore(at_once)

    async def fill(slot: _Slot[R], item: T) -> None:
        slot.results.append(await work(item))
        slot.done.set()

    async def draw(to: MemoryObjectSendStream[_Slot[R]]) -> None:
        async with to:
            while True:
                await room.acquire()
                drawn = await anyio.to_thread.run_sync(lambda: [*_first(items)], abandon_on_cancel=True)
                if not drawn:
                    return
                slot = _Slot[R]()
                await to.send(slot)
                tasks.start_soon(fill, slot, drawn[0])

    async def results() -> AsyncIterator[R]:
        async for slot in receive:
            await slot.done.wait()
            room.release()
            yield slot.results[0]

    try:
        async with anyio.create_task_group() as tasks, receive:
            tasks.start_soon(draw, send)
            yield results()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _first_of(group) from None


def _first(items: Iterator[T]) -> Iterator[T]:
    for item in items:
        yield item
        return


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, which may hold groups: here all others only followed from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
