"""Events as JSON objects, and back: the same forms for as long as there are files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from assay.errors import StoreError
from assay.rollouts.traffic.events import Event

_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def encode(event: Event) -> dict[str, Any]:
    """An event as a JSON object with the key ``kind``."""
    found: dict[str, Any] = _EVENTS.dump_python(event, mode="json")
    return found


def decode(data: Mapping[str, Any]) -> Event:
    """The event that was written. Raises StoreError for one that this version does not know."""
    try:
        return _EVENTS.validate_python(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"an event of kind {data.get('kind')!r} cannot be read at {place}: {first['msg']}; upgrade Assay"
        ) from error
