"""What is left out of traces when content recording is off.

Content is what people or documents said: questions, answers, passages, prompts, document
ids. With recording off, nothing that could hold content leaves the recorder, to the store
or to a collector:

- attributes in ``assay.traces.CONTENT`` are dropped;
- any other text is kept only under a name that is known to hold none (``NAMES``), so that a
  new attribute is left out until somebody has looked at it; numbers, true and false are kept;
- of an error its type is kept and its message dropped, since providers quote what they were sent.

Names of spans are written in code and never made from content.
"""

from __future__ import annotations

from assay import traces
from assay.traces import CONTENT, Attribute

NAMES = frozenset(
    {
        traces.OPERATION,
        traces.PROVIDER,
        traces.REQUEST_MODEL,
        traces.RESPONSE_MODEL,
        traces.RESPONSE_ID,
        traces.FINISH_REASONS,
        traces.CONVERSATION,
        traces.DATA_SOURCE,
        traces.ERROR,
        traces.RELEASE,
        traces.ABSTAINED,
        traces.PRICES_AS_OF,
        traces.STAGE,
        traces.ROLLOUT,
        traces.ARM,
        traces.UNIT,
        traces.COPY_OF,
        traces.INSTEAD_OF,
        "assay.search.mode",
        "http.request.method",
        "http.route",
    }
)
"""Attributes whose text is an identifier or a word of ours."""


def admits(key: str, value: Attribute, *, content: bool) -> bool:
    """Whether an attribute may be recorded; ``content`` says whether content recording is on."""
    if content:
        return True
    if key in CONTENT:
        return False
    return key in NAMES or not _has_text(value)


def error_text(error: BaseException, *, content: bool) -> str:
    """An error's type, and with content recording on its message."""
    message = str(error).strip()
    return f"{error_type(error)}: {message}" if content and message else error_type(error)


def error_type(error: BaseException) -> str:
    """The name of Assay's own and of built-in errors, others with their module."""
    kind = type(error)
    if kind.__module__ in ("builtins", "assay.errors"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _has_text(value: Attribute) -> bool:
    if isinstance(value, bool | int | float):
        return False
    return isinstance(value, str) or any(isinstance(item, str) for item in value)
