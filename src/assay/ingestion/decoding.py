"""From bytes to text: UTF-8, UTF-16 and Windows-1252, or a clear refusal."""

from __future__ import annotations

import codecs
import re

from assay.errors import SourceError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE = 65_536
_MEND = "convert it to UTF-8, or exclude it"


def decoded(content: bytes) -> str:
    """The text, one character for each that was encoded, line ends as they are.

    Raises SourceError for binary content and for encodings that cannot be told for certain.
    """
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(f"is not valid {error.encoding} at byte {error.start + 1}; {_MEND}") from error
    if "\0" in text or len(_CONTROL.findall(text[:_SAMPLE])) > len(text[:_SAMPLE]) // 100:
        raise SourceError("is binary, not text; exclude it")
    return text


def _encoding(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return encoding
    sample = content[:_SAMPLE]
    if b"\0" in sample:
        return _utf16_without_bom(sample)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        _require_western(content, error)
        return "cp1252"
    return "utf-8"


def _utf16_without_bom(sample: bytes) -> str:
    """Western text in UTF-16 has its zeros on one side of each pair nearly always."""
    pairs = max(1, len(sample) // 2)
    even, odd = sample[0::2].count(0) / pairs, sample[1::2].count(0) / pairs
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    if even > 0.4 and odd < 0.05:
        return "utf-16-be"
    raise SourceError(f"is binary, or UTF-16 without its mark; {_MEND}")


def _require_western(content: bytes, error: UnicodeDecodeError) -> None:
    """Nearly any bytes decode as Windows-1252; it is believed only where the result reads like a
    western language, in which accented letters are few among plain ones."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    letters = sum(char.isalpha() for char in text)
    accented = sum(char.isalpha() for char in text if char > "\x7f")
    foreign = sum(not char.isascii() for char in text)
    if not letters or accented > 0.3 * letters or foreign - accented > 0.1 * len(text):
        raise SourceError(
            f"is in an encoding that cannot be told (not UTF-8 at byte {error.start + 1}); {_MEND}"
        ) from error
