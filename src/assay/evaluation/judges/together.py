"""Several judgements at once: a value or an error of each, and no error in a group."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence

import anyio

from assay.errors import ModelError, RateLimited
from assay.evaluation.judging import Verdict


async def outcomes_of(judgements: Sequence[Awaitable[Verdict]]) -> list[Verdict | ModelError]:
    """What became of each, in order. A ModelError is a value; RateLimited is raised once all have ended."""
    found: dict[int, Verdict | ModelError] = {}
    crashed: list[Exception] = []

    async def run(i: int, judgement: Awaitable[Verdict]) -> None:
        try:
            found[i] = await judgement
        except ModelError as error:
            found[i] = error
        except Exception as error:  # raised below as it is: a task group would wrap it
            crashed.append(error)

    try:
        async with anyio.create_task_group() as tasks:
            for i, judgement in enumerate(judgements):
                tasks.start_soon(run, i, judgement)
    finally:
        for judgement in judgements:
            if inspect.iscoroutine(judgement):  # one that was cancelled before it began is told, not forgotten
                judgement.close()
    if crashed:
        raise crashed[0]
    outcomes = [found[i] for i in range(len(judgements))]
    limited = [outcome for outcome in outcomes if isinstance(outcome, RateLimited)]
    if limited:
        raise max(limited, key=lambda error: error.retry_after or 0.0)
    return outcomes


async def all_of(judgements: Sequence[Awaitable[Verdict]]) -> list[Verdict]:
    """All verdicts, in order. Raises the first ModelError, RateLimited before others, when all have ended."""
    outcomes = await outcomes_of(judgements)
    for outcome in outcomes:
        if isinstance(outcome, ModelError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
