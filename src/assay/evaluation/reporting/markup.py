"""HTML and SVG that cannot be broken by what they show.

Every text goes through ``element``, which escapes it; only what ``element`` made is inserted as it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

from assay.sayable import sayable

_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_VOID = frozenset({"meta", "input", "br", "col"})


class Markup(str):
    """Markup that is safe to insert as it is."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
Attribute: TypeAlias = str | int | float | bool | None


def element(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. ``class_`` gives ``class``, ``data_x`` gives ``data-x``; None and False leave an attribute out."""
    named = "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{name}{named}>" if name in _VOID else f"<{name}{named}>{joined(children)}</{name}>")


def joined(children: Child) -> Markup:
    """Children one after the other, texts escaped."""
    match children:
        case None:
            return Markup()
        case Markup():
            return children
        case str():
            return Markup(html.escape(shown(children), quote=False))
        case int():
            return Markup(f"{children:,}")
        case _:
            return Markup("".join(joined(child) for child in children))


def shown(text: str) -> str:
    """The text with characters that markup cannot hold replaced by U+FFFD."""
    return _UNSHOWN.sub("\ufffd", sayable(text))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(shown(text))}"'
