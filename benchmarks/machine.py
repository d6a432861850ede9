"""The machine, and whether it is quiet enough for its times to mean anything."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

QUIET = 0.9
"""The least share of the cores that a quiet machine gives to whoever asks."""
_PROBE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """``load`` is the average of the last minute; ``share`` what part of all cores we got when we asked for all."""

    load: float
    share: float

    @property
    def quiet(self) -> bool:
        """Whether hardly anything else ran."""
        return self.share >= QUIET


def probe() -> State:
    """Keep every core busy for half a second, and see how much of that time we got."""
    cores = usable_cores()
    load = os.getloadavg()[0]
    block = bytes(1 << 20)

    def work(until: float) -> float:
        began = time.thread_time()
        while time.perf_counter() < until:
            hashlib.sha256(block).digest()  # lets the other threads run meanwhile
        return time.thread_time() - began

    with ThreadPoolExecutor(cores) as pool:
        until = time.perf_counter() + _PROBE_SECONDS
        got = sum(pool.map(work, [until] * cores))
    return State(round(load, 2), round(min(1.0, got / (cores * _PROBE_SECONDS)), 3))


def cpu_seconds() -> float | None:
    """CPU seconds that all processes have used since the start, where the system tells."""
    try:
        first = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()
    except OSError:
        return None
    user, nice, system, _, _, interrupts, soft = map(int, first[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str | int]:
    """What a reader of the figures should know."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
