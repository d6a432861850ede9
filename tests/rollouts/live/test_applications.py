from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from assay.errors import NotFound, PluginError
from assay.releases.application import Application
from assay.rollouts.live.applications import AGAIN_SECONDS, Applications, Unopened

pytestmark = pytest.mark.anyio


class Shop:
    """Opens applications, slowly where it is held."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.held = threading.Event()
        self.held.set()

    def open(self, release: str) -> Application:
        assert self.held.wait(10)
        self.opened.append(release)
        if release in self.broken:
            raise self.broken[release]
        return self.made(release)

    def made(self, release: str) -> Application:
        async def close() -> None:
            self.closed.append(release)

        nothing = cast("Any", None)
        named = cast("Any", SimpleNamespace(digest=release))
        return Application("app", named, nothing, nothing, nothing, "i", close)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@asynccontextmanager
async def tended(applications: Applications) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(applications.tend)
        yield
        tasks.cancel_scope.cancel()


async def test_many_who_need_a_release_open_it_once(shop: Shop) -> None:
    applications = Applications(shop.open)
    got: list[object] = []

    async def use() -> None:
        async with applications.lease("a") as application:
            got.append(application)

    async with tended(applications), anyio.create_task_group() as tasks:
        applications.want(["a"])
        for _ in range(10):
            tasks.start_soon(use)
    assert shop.opened == ["a"]
    assert len(got) == 10
    assert len({id(each) for each in got}) == 1


async def test_what_is_wanted_is_opened_before_it_is_needed(shop: Shop, eventually: Callable[..., Any]) -> None:
    applications = Applications(shop.open)
    async with tended(applications):
        applications.want(["a", "b"])
        await eventually(lambda: applications.peek("b") is not None)
        assert shop.opened == ["a", "b"]


async def test_it_is_closed_when_nobody_streams_and_nothing_wants_it(
    shop: Shop, eventually: Callable[..., Any]
) -> None:
    applications = Applications(shop.open)
    async with tended(applications):
        applications.want(["a"])
        async with applications.lease("a"):
            applications.want([])
            await anyio.sleep(0.02)
            assert shop.closed == []
        await eventually(lambda: shop.closed == ["a"])
        async with applications.lease("a"):  # needed again: opened anew
            assert shop.opened == ["a", "a"]


async def test_what_cannot_be_opened_is_a_value_and_is_tried_again_later(shop: Shop) -> None:
    now = 0.0
    applications = Applications(shop.open, clock=lambda: now)
    shop.broken["a"] = NotFound("no index")
    async with tended(applications):
        applications.want(["a"])
        for _ in range(3):
            async with applications.lease("a") as found:
                assert isinstance(found, Unopened)
                assert str(found.error) == "no index"
        assert shop.opened == ["a"]
        shop.broken.clear()
        now += AGAIN_SECONDS
        async with applications.lease("a") as found:
            assert isinstance(found, Application)


async def test_any_exception_is_a_value(shop: Shop) -> None:
    shop.broken["a"] = RuntimeError("a plug-in's")
    applications = Applications(shop.open)
    async with tended(applications), applications.lease("a") as found:
        assert isinstance(found, Unopened)
        assert isinstance(found.error, PluginError)
        assert "RuntimeError: a plug-in's" in str(found.error)


async def test_who_gives_up_waiting_leaves_no_application_behind(shop: Shop, eventually: Callable[..., Any]) -> None:
    applications = Applications(shop.open)
    shop.held.clear()
    async with tended(applications):
        with anyio.move_on_after(0.05):
            async with applications.lease("a"):
                pytest.fail("it is not open yet")
        shop.held.set()
        await eventually(lambda: shop.closed == ["a"])


async def test_the_end_waits_for_what_is_being_opened_and_closes_it(shop: Shop) -> None:
    applications = Applications(shop.open)
    shop.held.clear()
    async with tended(applications):
        applications.want(["a"])
        await anyio.sleep(0.05)
        shop.held.set()
    await applications.close()
    assert shop.opened == shop.closed == ["a"]


async def test_what_is_adopted_is_closed_too(shop: Shop) -> None:
    applications = Applications(shop.open)
    applications.adopt(shop.made("a"))
    assert isinstance(applications.peek("a"), Application)
    await applications.close()
    assert (shop.opened, shop.closed) == ([], ["a"])
