"""Which settings of a model make it the judge that it is: what its verdicts are kept under.

Unlike in a release (``identity``), what a model costs, when it is given up and how much evidence fits it decide
nothing here. Every key of ``[models.NAME]`` stands in one of the two tables, and a test fails for one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from assay.digest import Digest, digest
from assay.releases.file.sections import ModelChoice

DECIDES: Mapping[str, str] = {
    "uses": "who judges",
    "base_url": "another server may hold other weights under the same name; without a user's name and password",
    "model": "who judges",
    "api_key_env": "another account may reach another model; never the key itself",
    "temperature": "how it judges, where the judge leaves it open",
    "max_tokens": "how long it judges, where the judge leaves it open",
    "options": "how it judges; without what a name in them calls a secret",
}
STAYS_OUT: Mapping[str, str] = {
    "timeout": "a verdict that came is none the worse",
    "window": "nothing is cut for a judge",
    "tokenizer": "nothing is cut for a judge",
    "price": "a kept verdict costs nothing",
}

_SECRET = re.compile(
    r"authori[sz]ation|api[-_]?key|secret|passw(or)?d|cookie|credential|(access|auth|bearer|session)[-_]?token", re.I
)


def revision(chosen: ModelChoice) -> Digest:
    """The digest of everything in a model's settings that can alter a verdict. No secret enters it."""
    settings = {name: getattr(chosen, name) for name in DECIDES}
    base_url = without_user(chosen.base_url) if chosen.base_url else None
    return digest(settings | {"base_url": base_url, "options": _told(chosen.options)})


def without_user(url: str) -> str:
    """An address without the user's name and password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _told(value: Any) -> Any:
    """Options with the values left out that are called a secret."""
    if isinstance(value, Mapping):
        return {name: None if _SECRET.search(name) else _told(item) for name, item in value.items()}
    return [_told(item) for item in value] if isinstance(value, list | tuple) else value
