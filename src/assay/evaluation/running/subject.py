"""A subject made of any async callable."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from assay.errors import RateLimited
from assay.evaluation.cases import Case
from assay.evaluation.samples import Answered, Ask, Failed, Outcome, Subject


def subject(identity: str, ask: Ask, *, state: str = "") -> Subject:
    """A subject that asks ``ask``: an async callable that takes a case and returns a text or an Outcome.

    ``identity`` names its configuration and ``state`` what else its answers depend on: they are kept under
    both, so change them with whatever changes an answer. What it raises is a Failed answer, but for
    RateLimited, after which the run slows down and asks again. An answer that does not say how long it took
    gets the time that was measured.
    """
    return _Called(identity, state, ask)


@dataclass(frozen=True, slots=True)
class _Called:
    identity: str
    state: str
    call: Ask

    async def ask(self, case: Case, repeat: int) -> Outcome:  # noqa: ARG002 — the port's
        began = time.perf_counter()
        try:
            found = await self.call(case)
        except RateLimited:
            raise
        except Exception as error:
            return Failed(type(error).__name__, str(error), milliseconds=1e3 * (time.perf_counter() - began))
        took = 1e3 * (time.perf_counter() - began)
        if isinstance(found, str):
            return Answered(found, milliseconds=took)
        return replace(found, milliseconds=took) if found.milliseconds is None else found
