"""Rubrics: what is judged, on which fields, in which words, and what the reply means.

A rubric is a Markdown file. Between two lines ``+++`` stands TOML; what follows are the
instructions for the judge. The fields' texts and the form of the reply are added by Assay,
so that no rubric can forget to fence what it judges.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from assay.digest import Digest, digest
from assay.errors import InputError
from assay.evaluation.judges.forms import Form, as_json, told
from assay.evaluation.judging import Item

SHIPPED = (
    "faithfulness",
    "claim",
    "claims",
    "relevance",
    "correctness",
    "context_relevance",
    "context_recall",
    "pairwise",
)
"""The rubrics that come with Assay; ``prompts/NAME.md`` holds each."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """How one quality is judged. ``required`` fields must be in an item, ``optional`` ones may be.

    ``definition`` says in a sentence what the score is, ``source`` where that comes from, both for
    people. ``version`` is the author's number; what a kept verdict depends on is ``digest``.
    """

    name: str
    required: tuple[str, ...]
    instructions: str
    form: Form
    optional: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    version: str = "1"
    definition: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.fields:
            object.__setattr__(self, "fields", (*self.required, *self.optional))

    @property
    def digest(self) -> Digest:
        """Changes with everything that the judge is told and with how its reply is read."""
        return digest(
            {
                "name": self.name,
                "fields": self.fields,
                "optional": sorted(self.optional),
                "instructions": self.instructions,
                "form": as_json(self.form),
                "told": told(self.form),
                "version": self.version,
            }
        )

    def check(self, item: Item) -> None:
        """Raises InputError where the item lacks a required field or has one that the rubric does not know."""
        for name in self.required:
            if name not in item.fields:
                raise InputError(f"rubric {self.name!r} needs the field {name!r}; the item has {_listed(item.fields)}")
        for name in item.fields:
            if name not in self.fields:
                raise InputError(f"rubric {self.name!r} has no field {name!r}; its fields are {_listed(self.fields)}")

    def blank(self, item: Item) -> str | None:
        """The first required field that holds nothing to judge, None where all do."""
        return next((name for name in self.required if not item.fields[name].strip()), None)


@functools.cache
def shipped() -> Mapping[str, Rubric]:
    """The rubrics that come with Assay, by name."""
    from assay.evaluation.judges.rubric_files import parse

    folder = resources.files("assay.evaluation.judges") / "prompts"
    found = (parse((folder / f"{name}.md").read_text(encoding="utf-8"), f"{name}.md") for name in SHIPPED)
    return MappingProxyType({rubric.name: rubric for rubric in found})


def _listed(names: Mapping[str, str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
