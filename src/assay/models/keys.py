"""Keys come from environment variables, by name, and from nowhere else."""

from __future__ import annotations

import os

from assay.errors import AuthenticationFailed


def read_key(name: str | None, model: str) -> str | None:
    """The key in the environment variable ``name``. Raises AuthenticationFailed where it is empty."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise AuthenticationFailed(f"the environment variable {name} is not set; put the key there", model=model)
    return key
