"""Keeping what was made while more is made: writes and look-ups in batches, off the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio.to_thread import run_sync

from assay.digest import Digest
from assay.stores.evaluations import EvaluationStore, KeptAnswer, KeptScore

BEHIND_SECONDS = 0.25
BEHIND_ITEMS = 100
"""How far the store may lag behind what is finished."""

MakeAnswer: TypeAlias = Callable[[], KeptAnswer]
MakeScore: TypeAlias = Callable[[], KeptScore]
"""Rows are made in the writing thread: turning them into text would keep the next call waiting."""
Release: TypeAlias = Callable[[Sequence[Digest]], None]


@dataclass(slots=True, eq=False)
class _Wanted:
    """A look-up that waits for the next batch."""

    keys: Sequence[Digest]
    found: dict[Digest, KeptScore] = field(default_factory=dict)
    error: BaseException | None = None
    done: anyio.Event = field(default_factory=anyio.Event)


class Keeper:
    """Writes behind and looks up ahead; made by ``keeping``."""

    def __init__(self, store: EvaluationStore, release: Release, anew: AbstractSet[Digest]) -> None:
        self._store, self._release, self._anew = store, release, anew
        self._made: list[Digest] = []
        self._answers: list[MakeAnswer] = []
        self._scores: list[MakeScore] = []
        self._wanted: list[_Wanted] = []
        self._looking = False
        self._waiting = anyio.Event()
        self._full = anyio.Event()
        self._writing = anyio.Lock()

    def answer(self, make: MakeAnswer) -> None:
        """Keep an answer with the next batch."""
        self._answers.append(make)
        self._wake()

    def score(self, make: MakeScore) -> None:
        """Keep a score with the next batch."""
        self._scores.append(make)
        self._wake()

    def made(self, key: Digest) -> None:
        """All that is to be made under this answer's key was given: its claim is given up once that is written."""
        self._made.append(key)
        self._wake()

    async def scores(self, keys: Iterable[Digest]) -> dict[Digest, KeptScore]:
        """The scores that the store knows. Callers that come while it is being read share the next reading."""
        wanted = _Wanted(list(keys))
        self._wanted.append(wanted)
        if self._looking:
            await wanted.done.wait()
        else:
            self._looking = True
            try:
                while self._wanted:
                    await self._look_up()
            finally:
                self._looking = False
        if wanted.error is not None:
            raise wanted.error
        return wanted.found

    async def flush(self) -> None:
        """Write what is waiting. Raises StoreError; then it still waits."""
        async with self._writing:
            answers, scores, made = self._answers[:], self._scores[:], self._made[:]
            if answers or scores or made:
                await run_sync(self._write, answers, scores, made)
                del self._answers[: len(answers)], self._scores[: len(scores)], self._made[: len(made)]

    async def write_on(self) -> None:
        """Write batch after batch, until cancelled."""
        while True:
            await self._waiting.wait()
            with anyio.move_on_after(BEHIND_SECONDS):
                await self._full.wait()
            self._waiting, self._full = anyio.Event(), anyio.Event()
            await self.flush()

    def _wake(self) -> None:
        self._waiting.set()
        if len(self._answers) + len(self._scores) >= BEHIND_ITEMS:
            self._full.set()

    def _write(self, answers: Sequence[MakeAnswer], scores: Sequence[MakeScore], made: Sequence[Digest]) -> None:
        self._store.put([make() for make in answers], [make() for make in scores], anew=self._anew)
        if made:
            self._release(made)

    async def _look_up(self) -> None:
        batch, self._wanted = self._wanted, []
        found: dict[Digest, KeptScore] = {}
        error: BaseException | None = None
        try:
            found = await run_sync(self._store.scores, [key for wanted in batch for key in wanted.keys])
        except BaseException as raised:
            error = raised
            raise
        finally:
            for wanted in batch:
                wanted.found = {key: found[key] for key in wanted.keys if key in found}
                wanted.error = error
                wanted.done.set()


@asynccontextmanager
async def keeping(
    store: EvaluationStore, release: Release, anew: AbstractSet[Digest] = frozenset()
) -> AsyncIterator[Keeper]:
    """A keeper whose last batch is written at the end, however it ends. Raises StoreError within a group.

    ``release`` is called in a thread with the keys whose results are all written; answers under the keys
    ``anew`` take the place of what is known.
    """
    keeper = Keeper(store, release, anew)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.write_on)
        try:
            yield keeper
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await keeper.flush()
