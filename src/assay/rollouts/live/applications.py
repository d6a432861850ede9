"""Opened applications by release: each opened once, when it is first needed or before, and closed when nobody
streams from it any more and nothing wants it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio import CapacityLimiter, to_thread

from assay.errors import AssayError, PluginError
from assay.releases.application import Application

AGAIN_SECONDS = 5.0
"""A release that could not be opened is tried again after so long, when it is needed then."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """A release that cannot be opened here, and why; ``at`` is when it was tried, by the clock of Applications."""

    release: str
    error: AssayError
    at: float


Opened: TypeAlias = Application | Unopened


@dataclass(slots=True)
class _Place:
    """A release's place: what came of opening it, and how many stream from it."""

    opened: Opened | None = None
    users: int = 0
    wanted: bool = False
    told: anyio.Event = field(default_factory=anyio.Event)


class Applications:
    """For one event loop. ``tend`` opens and closes, one at a time, in a thread; it must run while others ask."""

    def __init__(
        self, open_release: Callable[[str], Application], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``open_release`` blocks; it may raise whatever it likes: that becomes an Unopened."""
        self._open_release, self._clock = open_release, clock
        self._places: dict[str, _Place] = {}
        self._limiter: CapacityLimiter | None = None
        self._changed = anyio.Event()

    def adopt(self, application: Application) -> None:
        """Take an application that was opened before; it is now closed here."""
        self._places[str(application.release.digest)] = _Place(application)

    def peek(self, release: str) -> Opened | None:
        """What there is now, without opening anything."""
        place = self._places.get(release)
        return place.opened if place else None

    def here(self, release: str) -> Opened | None:
        """What there is now. What is wanted and could not be opened a while ago is tried once more meanwhile."""
        place = self._places.get(release)
        if place is None:
            return None
        self._renew(place)
        if place.opened is None:
            self._change()
        return place.opened

    def want(self, releases: Collection[str]) -> None:
        """Have these opened soon and kept open; the others are closed as soon as nobody streams from them."""
        for release in releases:
            self._places.setdefault(release, _Place())
        for release, place in self._places.items():
            place.wanted = release in releases
        self._change()

    @asynccontextmanager
    async def lease(self, release: str) -> AsyncIterator[Opened]:
        """The application of a release, which stays open for as long as the context lasts; opened if it is not."""
        place = self._places.setdefault(release, _Place())
        place.users += 1
        try:
            yield await self._ready(place)
        finally:
            place.users -= 1
            self._change()

    def again(self) -> None:
        """Try once more what is wanted and could not be opened a while ago."""
        for place in self._places.values():
            if place.wanted:
                self._renew(place)
        self._change()

    async def tend(self) -> None:
        """Open what is needed and close what is not, until it is cancelled."""
        while True:
            self._changed = anyio.Event()
            for release, place in list(self._places.items()):
                if place.opened is None and (place.wanted or place.users):
                    await self._open(release, place)
                elif not place.wanted and not place.users:
                    await self._close(release, place)
            await self._changed.wait()

    async def close(self) -> None:
        """Close everything. Call when nobody streams any more."""
        for release, place in list(self._places.items()):
            await self._close(release, place)

    async def _ready(self, place: _Place) -> Opened:
        self._renew(place)
        while place.opened is None:
            self._change()
            await place.told.wait()
        return place.opened

    def _renew(self, place: _Place) -> None:
        if isinstance(place.opened, Unopened) and self._clock() - place.opened.at >= AGAIN_SECONDS:
            place.opened, place.told = None, anyio.Event()

    async def _open(self, release: str, place: _Place) -> None:
        # Shielded: what a thread has opened must not be forgotten, or nobody would close it.
        with anyio.CancelScope(shield=True):
            self._limiter = self._limiter or CapacityLimiter(1)
            place.opened = await to_thread.run_sync(self._opened, release, limiter=self._limiter)
        place.told.set()

    def _opened(self, release: str) -> Opened:
        try:
            return self._open_release(release)
        except AssayError as error:
            return Unopened(release, error, self._clock())
        except Exception as error:  # a plug-in's, or a mistake of ours: it must not end what is served
            told = PluginError(f"release {release[:12]} cannot be opened: {type(error).__name__}: {error}")
            return Unopened(release, told, self._clock())

    async def _close(self, release: str, place: _Place) -> None:
        # Out of sight first: nobody may begin to stream from what is being closed.
        self._places.pop(release, None)
        if isinstance(place.opened, Application):
            with anyio.CancelScope(shield=True):
                await place.opened.close()

    def _change(self) -> None:
        self._changed.set()
