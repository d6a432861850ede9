"""Whose turn a unit is where several runs are at the same cases: claimed before it is asked, looked up again.

A run that finds nothing but what others are at waits for them and takes what they kept; should one of them be
killed, its claims end with it, and the run asks itself.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.to_thread import run_sync

from assay.digest import Digest
from assay.errors import StoreError
from assay.evaluation.running.progress import Meter
from assay.evaluation.running.units import Unit
from assay.stores.claims import Claims, holder

POLL_SECONDS = 0.2
"""How long to wait before asking again whether the others are done."""

Row = tuple[Unit, ...]


class Queue:
    """What is to be made by this run, in order, as far as no other is at it; made by ``claiming``."""

    def __init__(
        self,
        rows: Sequence[Row],
        claims: Claims,
        look_up: Callable[[Sequence[Unit]], Awaitable[None]],
        complete: Callable[[Unit], bool],
        *,
        at_once: int,
    ) -> None:
        self._left: deque[Row] = deque(rows)
        self._ready: deque[Unit] = deque()
        self._claims, self._look_up, self._complete, self._at_once = claims, look_up, complete, at_once
        self._taking = anyio.Lock()
        self._holder = holder()
        self._waited_for: Counter[Meter] = Counter()

    async def take(self) -> Unit | None:
        """The next unit, which lacks something and is this run's; None at the end. Raises StoreError."""
        async with self._taking:
            in_vain = 0
            while not self._ready and self._left:
                rows = [self._left.popleft() for _ in range(min(self._at_once, len(self._left)))]
                in_vain = 0 if await self._claim(rows) else in_vain + len(rows)
                if self._left and in_vain >= len(self._left):
                    self._tell(self._left)
                    await anyio.sleep(POLL_SECONDS)
                    in_vain = 0
            if self._waited_for:
                self._tell(())
            return self._ready.popleft() if self._ready else None

    def release(self, keys: Sequence[Digest]) -> None:
        """Let go of what is made and kept. Blocks. Raises StoreError."""
        self._claims.release(self._holder, keys)

    def release_all(self) -> None:
        """Let go of everything. Blocks."""
        with suppress(StoreError):  # then the claims end by themselves, and this is no time to hide another error
            self._claims.release(self._holder)

    async def renew_on(self) -> None:
        """Keep what is claimed, until cancelled."""
        while True:
            await anyio.sleep(self._claims.seconds / 3)
            await run_sync(self._claims.renew, self._holder)

    async def _claim(self, rows: Sequence[Row]) -> bool:
        """Make ready what can be had of these, and leave the rest for later; whether anything could."""
        keys = [unit.key for row in rows for unit in row]
        mine = await run_sync(self._claims.take, keys, self._holder)
        had = [unit for row in rows for unit in row if unit.key in mine]
        await self._look_up(had)
        known = [unit.key for unit in had if self._complete(unit)]
        if known:  # by another run, since this one looked first
            await run_sync(self.release, known)
        self._ready.extend(unit for unit in had if not self._complete(unit))
        others = (tuple(unit for unit in row if unit.key not in mine) for row in rows)
        self._left.extend(row for row in others if row)
        return bool(had)

    def _tell(self, rows: Iterable[Row]) -> None:
        """Show how many samples others are at, while nothing else is left."""
        waiting = Counter[Meter]()
        for unit in (unit for row in rows for unit in row):
            waiting[unit.side.meter] += len(unit.places)
        for meter in waiting | self._waited_for:
            meter.elsewhere = waiting[meter]
            meter.show()
        self._waited_for = waiting


@asynccontextmanager
async def claiming(queue: Queue) -> AsyncIterator[Queue]:
    """The queue, whose claims are renewed inside of the block and given back at its end, however it ends."""
    async with anyio.create_task_group() as group:
        group.start_soon(queue.renew_on)
        try:
            yield queue
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await run_sync(queue.release_all)
