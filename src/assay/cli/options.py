"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from assay.documents import PUBLIC, Scalar
from assay.errors import InputError

File: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", help="The application's file. [default: assay.toml here or above]", show_default=False
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Environment: TypeAlias = Annotated[
    str, typer.Option("--environment", "-e", metavar="NAME", help="production or staging.")
]
Groups: TypeAlias = Annotated[
    str, typer.Option("--as", metavar="GROUP,...", help="Read as a member of these groups as well as 'public'.")
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="KEY=VALUE", help="Only documents whose metadata has this value. Repeatable."),
]
OfRelease: TypeAlias = Annotated[
    str,
    typer.Option(
        "--release",
        metavar="RELEASE",
        help="Ask a kept release: live, a tag, a digest, git:REVISION. [default: this file's]",
        show_default=False,
    ),
]


def groups_of(option: str) -> frozenset[str]:
    """The reader's groups: those named, and ``public``."""
    return frozenset({PUBLIC, *(name.strip() for name in option.split(",") if name.strip())})


def where_of(options: list[str] | None) -> dict[str, Scalar]:
    """Filters from ``KEY=VALUE``; a value that reads as JSON number or boolean is one, all else is text.

    Raises InputError for an option without ``=``.
    """
    filters: dict[str, Scalar] = {}
    for option in options or []:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise InputError(f"--where {option!r}: write KEY=VALUE")
        filters[key] = _scalar(value)
    return filters


def _scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
