"""Models tried in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from assay.errors import ModelError, ModelUnavailable, RateLimited
from assay.models.chat import ChatEvent, ChatModel, Finished, Request
from assay.models.streams import closing
from assay.models.whole import whole


class FallbackModel:
    """The first model that answers; the next is asked only while nothing was shown.

    A model's failure of any kind passes the request on: another may have a larger window,
    a valid key, another filter. ``Finished.model`` says which one answered.
    """

    def __init__(self, models: Sequence[ChatModel]) -> None:
        """``models`` in order, at least one. Raises ValueError."""
        if not models:
            raise ValueError("a fallback needs at least one model")
        self._models = tuple(models)

    @property
    def identity(self) -> str:
        return "|".join(model.identity for model in self._models)

    @property
    def window(self) -> int | None:
        """The smallest that is known: what fits it fits whichever model answers."""
        known = [model.window for model in self._models if model.window is not None]
        return min(known, default=None)

    def count(self, text: str) -> int:
        """The largest count of any of the models."""
        return max(model.count(text) for model in self._models)

    async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
        failures: list[ModelError] = []
        for model in self._models:
            shown = False
            try:
                async with closing(model.stream(request)) as events:
                    async for event in events:
                        shown = shown or not isinstance(event, Finished)
                        yield event
                return
            except ModelError as error:
                if shown:
                    raise
                failures.append(error)
        raise together(failures, self.identity)

    async def complete(self, request: Request) -> Finished:
        """A whole reply of the first model that gives one."""
        failures: list[ModelError] = []
        for model in self._models:
            try:
                return await whole(model, request)
            except ModelError as error:
                failures.append(error)
        raise together(failures, self.identity)


def together(failures: Sequence[ModelError], identity: str) -> ModelError:
    """One error for all: retryable if any is, with every model's own words."""
    if len(failures) == 1:
        return failures[0]
    said = "; ".join(str(failure) for failure in failures)
    message = f"no model of the route answered: {said}"
    if all(isinstance(failure, RateLimited) for failure in failures):
        waits = [f.retry_after for f in failures if isinstance(f, RateLimited) and f.retry_after is not None]
        return RateLimited(message, model=identity, retry_after=min(waits, default=None))
    if any(failure.retryable for failure in failures):
        return ModelUnavailable(message, model=identity)
    kind = type(failures[0])
    return kind(message, model=identity, status=failures[0].status)
