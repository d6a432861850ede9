"""The history of each prompt: in which releases it said what, and how many words that changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assay.digest import Digest, digest
from assay.models.tokens import ESTIMATED, TokenCounter, counter_for, file_counter
from assay.releases.file.sections import EXTRACTIVE
from assay.releases.history.registry import Entry, Registry
from assay.releases.history.word_diff import counts, word_diff
from assay.releases.project import Project

BUILT_IN = "(built in)"
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Told:
    """What a prompt tells a model; ``path`` is as the file names it, BUILT_IN where it names none."""

    path: str
    system: str
    user: str

    @property
    def digest(self) -> Digest:
        """Of what enters the release, whatever the file is called."""
        return digest({"system": self.system, "user": self.user})

    @property
    def text(self) -> str:
        """Both parts, as they stand in a file."""
        return f"{self.system}\n---user---\n{self.user}" if self.system else self.user


@dataclass(frozen=True, slots=True)
class Listed:
    """A prompt of an application's file. ``tokens`` are without evidence and question; ``exact`` says whether by
    the tokenizer of the model that is asked first. ``releases`` counts the kept ones that tell the same."""

    prompt: Told
    variables: tuple[str, ...]
    tokens: int
    exact: bool
    releases: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.prompt.path,
            "variables": list(self.variables),
            "tokens": self.tokens,
            "exact": self.exact,
            "digest": self.prompt.digest,
            "releases": self.releases,
        }


@dataclass(frozen=True, slots=True)
class Revision:
    """A prompt as it was from ``entry`` on, in ``releases`` that followed each other. ``inserted`` and ``deleted``
    count words against the revision before; ``first`` says that there is none."""

    prompt: Told
    entry: Entry
    inserted: int
    deleted: int
    first: bool
    releases: int = 1

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.prompt.path,
            "digest": self.prompt.digest,
            "release": self.entry.digest,
            "at": self.entry.at,
            "why": self.entry.why,
            "inserted": self.inserted,
            "deleted": self.deleted,
            "first": self.first,
            "releases": self.releases,
        }


def told(content: Mapping[str, Any], path: str | None) -> Told:
    """The prompt in the content of a release."""
    prompt = content["answer"].get("prompt") or {}
    return Told(path or BUILT_IN, prompt.get("system", ""), prompt.get("user", ""))


def listed(registry: Registry, project: Project) -> tuple[Listed, ...]:
    """The prompts of an application's file. Raises StoreError."""
    now = told(project.release.content(), project.manifest.answer.prompt)
    kept = [told(registry.release(entry.digest, project).content(), None) for entry in registry.entries()]
    counter = _counter(project)
    return (
        Listed(
            now,
            tuple(dict.fromkeys(_VARIABLE.findall(now.text))),
            counter(now.system) + counter(now.user),
            counter.exact,
            sum(each.digest == now.digest for each in kept),
        ),
    )


def log(registry: Registry, project: Project, path: str | None = None) -> tuple[Revision, ...]:
    """Every change of a prompt between the releases that are kept, newest first; ``path`` None is every prompt.

    A prompt is told by its path: one that was moved begins anew. Raises StoreError.
    """
    entries = sorted(registry.entries(), key=lambda entry: (entry.at, entry.digest))
    found: list[Revision] = []
    last: dict[str, int] = {}
    for entry in entries:
        prompt = told(registry.release(entry.digest, project).content(), registry.snapshots.prompt_path(entry.digest))
        before = found[last[prompt.path]] if prompt.path in last else None
        if before is not None and before.prompt.digest == prompt.digest:
            found[last[prompt.path]] = replace(before, releases=before.releases + 1)
            continue
        inserted, deleted = counts(word_diff(before.prompt.text if before else "", prompt.text))
        last[prompt.path] = len(found)
        found.append(Revision(prompt, entry, inserted, deleted, before is None))
    return tuple(revision for revision in reversed(found) if path is None or revision.prompt.path == path)


def paths(revisions: Sequence[Revision]) -> tuple[str, ...]:
    """The paths that there are, in order."""
    return tuple(sorted({revision.prompt.path for revision in revisions}))


def _counter(project: Project) -> TokenCounter:
    """How the language model that is asked first counts."""
    model = next((each for each in project.manifest.route.values() if each.uses != EXTRACTIVE), None)
    if model is None:
        return ESTIMATED
    if model.tokenizer is not None:
        return file_counter(project.file.resolve(model.tokenizer))
    provider, _, name = model.uses.partition(":")
    return counter_for(provider, name)
