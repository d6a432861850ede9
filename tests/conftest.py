"""Fixtures that every room's tests share, and how much memory they leave behind."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import pytest

_M_ARENA_MAX = -8  # of glibc's malloc.h


def pytest_configure() -> None:
    """Keep what is freed from staying: glibc has an arena for each of many threads, and gives none of it back. A
    process that opens an application a hundred times, each in threads of its own, would come to hold gigabytes."""
    if (mallopt := _glibc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, 2)


def pytest_runtest_logfinish() -> None:
    """Give back what the test freed."""
    if _forget_endpoints():
        gc.collect()
    if (trim := _glibc("malloc_trim")) is not None:
        trim(0)


def _forget_endpoints() -> bool:
    """FastAPI remembers every function that was ever an endpoint, and with it the application that it answers
    from, its models among that; whether there were any."""
    known = vars(sys.modules.get("fastapi.dependencies.models", object)).values()
    caches = [each for each in known if hasattr(each, "cache_clear") and each.cache_info().currsize]
    for cache in caches:
        cache.cache_clear()
    return bool(caches)


def _glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
