"""Control tokens of chat templates inside a text that is quoted to a model."""

from __future__ import annotations

import re

# What chat templates use to end a turn or begin one; a server may read them inside a message.
_CONTROL = re.compile(
    r"<(?=\|[\w ▁|-]{1,40}\|>|/?s>|(?:start|end)_of_turn>|</?SYS>>)|\[(?=/?INST\])|<(?=｜[^<>｜]{1,40}｜>)"
)


def neutral(text: str) -> str:
    """``text`` with the control tokens of chat templates broken up by a blank, and otherwise unchanged."""
    return _CONTROL.sub(lambda match: match[0] + " ", text)
