"""How many copies a rollout's shadow may still make, and what they may still cost, over all processes.

Each copy is reserved in a stream of its own before it is made and settled after: who reserves has seen all
that was reserved before, so the caps hold whoever makes the copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assay.rollouts.traffic.plan import Shadow
from assay.stores.events import Conflict, EventLog, Recorded

EXPIRES_SECONDS = 900.0
"""A reservation that nobody has settled by then is its process's that was killed: the copy may be made by another."""
TRIES = 50


def stream(rollout: str) -> str:
    """The name of the stream of a rollout's reservations."""
    return f"shadow/{rollout}"


@dataclass(slots=True)
class Ledger:
    """A fold over the reservations: copies that are open, by trace, with when they were reserved and what they were
    expected to cost, and what was settled."""

    version: int = 0
    open: dict[str, tuple[float, float]] = field(default_factory=dict)
    settled: int = 0
    cost: float = 0.0
    dearest: float = 0.0

    def fold(self, recorded: Recorded) -> None:
        """Take the next event."""
        event, self.version = recorded.event, recorded.version
        trace = str(event["t"])
        if event["kind"] == "reserved":
            self.open[trace] = (recorded.at, float(event["c"]))
            return
        self.open.pop(trace, None)
        self.settled += 1
        self.cost += float(event["c"])
        self.dearest = max(self.dearest, float(event["c"]))

    def room(self, plan: Shadow, expected: float, at: float) -> bool:
        """Whether one more copy that may cost ``expected`` US dollars fits under the caps."""
        held = [cost for since, cost in self.open.values() if at - since < EXPIRES_SECONDS]
        if expected <= 0 and held:
            return False  # nobody knows what one costs: the one under way will tell
        # What nobody settles may have been spent all the same.
        fits = self.cost + sum(cost for _, cost in self.open.values()) + expected <= plan.cost
        return fits and self.settled + len(held) < plan.answers


class Reservations:
    """The reservations of one rollout. Methods block and may raise StoreError; one thread at a time."""

    def __init__(self, events: EventLog, rollout: str, plan: Shadow) -> None:
        self._events, self._stream, self._plan = events, stream(rollout), plan
        self._ledger = Ledger()
        self._mine: dict[str, float] = {}

    @property
    def spent_up(self) -> bool:
        """Whether what was settled, as far as this process has read, leaves no room for good."""
        ledger = self._ledger
        return ledger.settled >= self._plan.answers or ledger.cost + ledger.dearest > self._plan.cost

    def reserve(self, trace: str, expected: float, at: float) -> bool:
        """Reserve a copy of the answer with this trace; False where the caps, or another process, say no.

        ``expected`` is the most that is known of what it may cost, in US dollars; the dearest copy before it may be
        more. Where it is 0 and no copy has cost anything, nothing is known, and one copy is made at a time.
        """
        for _ in range(TRIES):
            self._read()
            ledger = self._ledger
            expected = max(expected, ledger.dearest)
            if trace in ledger.open or not ledger.room(self._plan, expected, at):
                return False
            event: dict[str, Any] = {"kind": "reserved", "t": trace, "c": expected}
            try:
                self._events.append(self._stream, [event], expected=ledger.version)
            except Conflict:
                continue
            self._mine[trace] = expected
            return True
        return False

    def settle(self, trace: str, cost: float | None) -> None:
        """Say what the copy has cost; None where that is not known: then it is what was reserved for it."""
        reserved = self._mine.pop(trace, 0.0)
        cost = reserved if cost is None else cost
        self._events.append(self._stream, [{"kind": "settled", "t": trace, "c": cost}])

    def _read(self) -> None:
        for recorded in self._events.read(self._stream, after=self._ledger.version):
            self._ledger.fold(recorded)
