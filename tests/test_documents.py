from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assay.documents import Document, Mark

DOCUMENT = Document("a.md", "docs", "Title", "# Title", "text/markdown")


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Other"},
        {"text": "# Other"},
        {"media_type": "text/plain"},
        {"access": ("staff",)},
        {"metadata": {"team": "a"}},
        {"marks": (Mark(0, "heading", "Title", 1),)},
    ],
)
def test_what_index_entries_are_made_from_alters_the_digest(change: dict[str, Any]) -> None:
    assert replace(DOCUMENT, **change).digest != DOCUMENT.digest


def test_the_order_of_groups_does_not() -> None:
    one, other = replace(DOCUMENT, access=("a", "b")), replace(DOCUMENT, access=("b", "a"))
    assert one.digest == other.digest
