"""Counting tokens: by the model's own tokenizer where it is at hand, else by an upper estimate.

OpenAI's tokenizers come with the package ``bpe-openai`` (an extra: 75 MB) and need no network;
any other model's can be given as its ``tokenizer.json``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assay.errors import InputError, PluginError

OPENAI = frozenset({"openai", "openai-chat", "openai-responses", "azure", "azure-responses"})


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of a text. ``exact`` says whether by the model's own tokenizer."""

    identity: str
    counts: Callable[[str], int]
    exact: bool

    def __call__(self, text: str) -> int:
        return self.counts(text)


def counter_for(provider: str, model: str) -> TokenCounter:
    """The best counter at hand for a model: exact for OpenAI's with ``bpe-openai``, else the estimate."""
    if provider in OPENAI:
        try:
            return openai_counter(model)
        except (PluginError, InputError):
            return ESTIMATED
    return ESTIMATED


def openai_counter(model: str) -> TokenCounter:
    """OpenAI's tokenizer for a model. Raises PluginError without the package, InputError for other models."""
    try:
        import bpe_openai  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PluginError(
            "counting OpenAI's tokens exactly needs the package 'bpe-openai': pip install 'assay[tokens]'"
        ) from error
    try:
        encoding = bpe_openai.encoding_for_model(model)
    except Exception as error:
        raise InputError(f"bpe-openai knows no tokenizer for {model!r}") from error
    return TokenCounter(f"bpe-openai:{encoding.name}", lambda text: len(encoding.encode(text)), exact=True)


def file_counter(path: Path) -> TokenCounter:
    """The tokenizer in a ``tokenizer.json``, special tokens not counted. Raises InputError."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where such a file is configured

    try:
        text = path.read_text(encoding="utf-8")
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain Exception for a malformed file
        raise InputError(f"{path} is not a tokenizer.json that can be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return TokenCounter(
        f"tokenizer.json:{path.name}",
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        exact=True,
    )
