"""A release: one immutable configuration of an application, named by the digest of its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from assay.answering.prompt import Prompt
from assay.digest import Digest, digest_bytes
from assay.releases.code import CodeVersion, installed
from assay.releases.identity import FORMAT, manifest_bytes
from assay.releases.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Release:
    """``manifest`` holds the canonical bytes as they were when the release was made; they are
    kept and never derived again. ``digest`` is their SHA-256.

    What enters, and what does not and why, is in ``assay.releases.identity``.
    """

    digest: Digest
    manifest: bytes

    @classmethod
    def of(cls, manifest: Manifest, *, prompt: Prompt, code: CodeVersion | None = None) -> Release:
        """The release of a manifest and its prompt, answered by ``code`` (None: what is installed)."""
        code = code or installed()
        return cls.from_bytes(manifest_bytes(manifest, prompt=prompt, code=code.as_dict()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Release:
        """A release from bytes that were kept. Raises ValueError for bytes of another kind."""
        release = cls(digest_bytes(data), data)
        form = release.content().get("format")
        if form != FORMAT:
            raise ValueError(f"a release of format {form!r}; this version of Assay reads format {FORMAT}")
        return release

    @property
    def short(self) -> str:
        """The first twelve characters of the digest: enough for people, and for `find`."""
        return self.digest[:12]

    def content(self) -> dict[str, Any]:
        """What the bytes say. Raises ValueError where they are no JSON object."""
        value = json.loads(self.manifest)
        if not isinstance(value, dict):
            raise ValueError("a release's bytes are not a JSON object")
        return value

    def as_dict(self) -> dict[str, Any]:
        """For ``assay release show --json``."""
        return {"digest": self.digest, "manifest": self.content()}

    def describe(self) -> str:
        """For people: a line for each setting that is not empty, long texts by their first line."""
        settings = self.content()
        del settings["format"]
        return "\n".join(line for section, value in settings.items() for line in _flatten(section, value))


def _flatten(path: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _flatten(f"{path}.{key}", item)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [line for number, item in enumerate(value) for line in _flatten(f"{path}[{number}]", item)]
    if value in ({}, [], None, ""):
        return []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first, *more = text.strip().split("\n")
    return [f"{path} = {first}" + (f" … ({len(more)} more lines)" if more else "")]
