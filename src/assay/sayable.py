"""Text as it can be sent."""

from __future__ import annotations


def sayable(text: str) -> str:
    """``text`` with lone surrogates, as broken files hold them, replaced by ``?``; no position moves.

    UTF-8 cannot say them, so no tokenizer, provider, store or collector can take them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
