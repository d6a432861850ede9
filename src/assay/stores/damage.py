"""A derived part of an index that is not what it was made to be."""

from __future__ import annotations


class DamagedIndex(Exception):
    """A derived part cannot be read, or contradicts the table; building it anew mends it."""
