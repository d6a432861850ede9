"""Verdicts kept, so that nothing is judged twice.

The key of a verdict holds everything that it depends on; one thing left out and a changed prompt
would go on being scored by yesterday's verdicts, unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import anyio
import anyio.to_thread

from assay.digest import Digest, digest
from assay.errors import AssayError, InputError, StoreError
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored

FORMAT = 1
"""Of a verdict as it is kept."""


class Verdicts(Protocol):
    """Where verdicts are kept, as JSON; several processes may share it. Both may raise StoreError."""

    def get(self, key: str) -> Mapping[str, Any] | None: ...

    def put(self, key: str, judge: str, rubric: str, verdict: Mapping[str, Any]) -> None:
        """Keep it; one that is known already stays as it is."""
        ...


@runtime_checkable
class Material(Protocol):
    """A judge that can say what a verdict on one item depends on: more than its identity tells, or less."""

    def material(self, item: Item) -> Mapping[str, Any]: ...


def key_of(judge: Judge, item: Item) -> Digest:
    """What a verdict is kept under. Raises InputError for an item that the judge does not take."""
    made_with = judge.material(item) if isinstance(judge, Material) else {"identity": judge.identity}
    return digest(
        {
            "format": FORMAT,
            "judge": type(judge).__qualname__,
            "made_with": made_with,
            "rubric": item.rubric,
            "fields": dict(item.fields),
            "repeat": item.repeat,
        }
    )


@dataclass(slots=True)
class _Flight:
    """A judgement under way. Neither ``verdict`` nor ``error`` at its end: it was cancelled."""

    done: anyio.Event = field(default_factory=anyio.Event)
    verdict: Verdict | None = None
    error: AssayError | None = None


class KeptJudge:
    """A judge that judges each item once, in all processes that share the store and, at once, in this one.

    A verdict that was known has ``Spent(reused=1)``. Only verdicts that stand by themselves are kept: not
    an error, and not one whose detail names judges that ``failed``. Wrap each judge of a panel or a
    cascade rather than the whole: then a failure repeats one judge only. One event loop at a time.
    """

    def __init__(self, judge: Judge, verdicts: Verdicts) -> None:
        self._judge = judge
        self._verdicts = verdicts
        self._flights: dict[Digest, _Flight] = {}

    @property
    def identity(self) -> str:
        """The judge's own: whether verdicts are kept changes none of them."""
        return self._judge.identity

    @property
    def rubrics(self) -> frozenset[str]:
        return self._judge.rubrics

    async def judge(self, item: Item) -> Verdict:
        """Raises what the judge raises, and StoreError."""
        key = key_of(self._judge, item)
        while (flight := self._flights.get(key)) is not None:
            await flight.done.wait()
            if flight.verdict is not None:
                return _reused(flight.verdict)
            if flight.error is not None:
                raise flight.error
        flight = self._flights[key] = _Flight()
        try:
            flight.verdict = await self._found(key, item)
        except AssayError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.done.set()
        return flight.verdict

    async def _found(self, key: Digest, item: Item) -> Verdict:
        kept = await anyio.to_thread.run_sync(self._verdicts.get, key)
        if kept is not None:
            return _reused(decoded(kept))
        verdict = await self._judge.judge(item)
        if not verdict.detail.get("failed"):
            put = partial(self._verdicts.put, key, self._judge.identity, item.rubric, encoded(verdict))
            # What was paid for is kept, also when the caller goes away just now.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(put)
        return verdict


def encoded(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON. Raises InputError where its detail is not JSON."""
    score = {"value": verdict.score.value} if isinstance(verdict.score, Scored) else {"unscored": verdict.score.reason}
    value = {
        "format": FORMAT,
        "score": score,
        "reason": verdict.reason,
        "detail": dict(verdict.detail),
        "uncertain": verdict.uncertain,
        "spent": asdict(verdict.spent),
    }
    try:
        digest(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"the judge's detail cannot be kept: {error}") from error
    return value


def decoded(value: Mapping[str, Any]) -> Verdict:
    """The verdict that ``encoded`` made. Raises StoreError for anything else."""
    try:
        score = value["score"]
        return Verdict(
            Scored(float(score["value"])) if "value" in score else Unscored(str(score["unscored"])),
            str(value["reason"]),
            dict(value["detail"]),
            None if value["uncertain"] is None else float(value["uncertain"]),
            Spent(**value["spent"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        mend = "delete the kept verdicts, they are made again"
        raise StoreError(f"a kept verdict is damaged ({error}); {mend}") from error


def _reused(verdict: Verdict) -> Verdict:
    return replace(verdict, spent=Spent(reused=1))
