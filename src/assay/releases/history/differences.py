"""What differs between two releases, setting by setting, with what each setting can alter.

Releases are compared as their manifests tell them, so that one can be compared that this version of Assay could
not build any more. There is a difference if and only if the digests differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from assay.digest import canonical
from assay.releases.identity import ENTERS, STAYS_OUT
from assay.releases.manifest import Manifest

Group: TypeAlias = Literal[
    "Prompt", "Models", "Retrieval", "Index", "Answer", "Limits", "Sources", "Code", "Alters no answer"
]
GROUPS: tuple[Group, ...] = (
    "Prompt",
    "Models",
    "Retrieval",
    "Index",
    "Answer",
    "Limits",
    "Sources",
    "Code",
    "Alters no answer",
)
_BY_SECTION: Mapping[str, Group] = {
    "app": "Prompt",
    "models": "Models",
    "retrieval": "Retrieval",
    "index": "Index",
    "embedders": "Index",
    "answer": "Answer",
    "limits": "Limits",
    "sources": "Sources",
}
_CODE = {"code": "every step of an answer", "format": "how a release is told"}
_ORDER = "which of two documents of the same id counts"
_NAMED = frozenset({"models", "embedders", "sources"})
"""Sections that hold tables under chosen names."""


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value, which may be None: what is not set at all has no Value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Change:
    """``key`` is as in the file, with the chosen name in the place of ``*``; ``setting`` is the key in
    ``assay.releases.identity``. ``old`` or ``new`` is None where the key stands on one side only. ``reason`` is
    what the setting can alter, or why it alters nothing."""

    group: Group
    key: str
    setting: str
    old: Value | None
    new: Value | None
    reason: str

    @property
    def name(self) -> str | None:
        """The chosen name that the key goes through: a model's, an embedder's, a source's."""
        section, _, rest = self.key.partition(".")
        if section not in _NAMED or not rest:
            return None
        tail = self.setting.removeprefix(f"{section}.*")
        return rest.removesuffix(tail) if tail else rest

    def as_dict(self) -> dict[str, Any]:
        """As JSON; a side that lacks the key is left out."""
        sides = {name: side.value for name, side in (("old", self.old), ("new", self.new)) if side is not None}
        return {"group": self.group, "key": self.key, **sides, "reason": self.reason}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """The changes between the contents of two manifests (``Release.content``), in the order of GROUPS."""
    before, after = _by_name(old), _by_name(new)
    found = [*_walk(before, after, "", ""), *_order(before.get("sources"), after.get("sources"))]
    return tuple(sorted(found, key=lambda change: (GROUPS.index(change.group), change.key)))


def silent(old: Manifest, new: Manifest) -> tuple[Change, ...]:
    """The changes between two files in settings that enter no digest, since they alter no answer."""
    found: list[Change] = []
    for key, reason in STAYS_OUT.items():
        section, name = key.split(".")
        values = [getattr(getattr(manifest, section), name) for manifest in (old, new)]
        if values[0] != values[1]:
            plain = [Value(_told(value)) for value in values]
            found.append(Change("Alters no answer", key, key, plain[0], plain[1], reason))
    return tuple(found)


def _walk(old: Mapping[str, Any], new: Mapping[str, Any], path: str, setting: str) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        here = f"{path}{key}"
        kind = f"{setting}*" if path.removesuffix(".") in _NAMED else f"{setting}{key}"
        sides = [Value(side[key]) if key in side else None for side in (old, new)]
        before, after = sides
        if before is not None and after is not None:
            if _same(before.value, after.value):
                continue
            if _is_table(kind, before.value) and _is_table(kind, after.value):
                yield from _walk(before.value, after.value, f"{here}.", f"{kind}.")
                continue
        yield Change(_group(kind), here, kind, before, after, _reason(kind))


def _order(old: object, new: object) -> Iterator[Change]:
    """A change of the order of those sources that both have."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        sides = [name for name in old if name in new], [name for name in new if name in old]
        if sides[0] != sides[1]:
            yield Change("Sources", "sources", "sources", Value(sides[0]), Value(sides[1]), _ORDER)


def _is_table(setting: str, value: object) -> bool:
    """Whether a value's own keys are told one by one; what a single key of the file holds is told whole."""
    return isinstance(value, Mapping) and (setting not in ENTERS or setting == "answer.prompt")


def _group(setting: str) -> Group:
    if setting.startswith("answer.prompt"):
        return "Prompt"
    return _BY_SECTION.get(setting.partition(".")[0], "Code")


def _reason(setting: str) -> str:
    if setting.startswith("answer.prompt"):
        return ENTERS["answer.prompt"]
    section = setting.partition(".")[0]
    if setting in ENTERS:
        return ENTERS[setting]
    whole = {"models.*": "who answers", "embedders.*": "what is near to what", "sources.*": "which documents there are"}
    return whole.get(setting) or _CODE.get(section) or "not a setting of this version of Assay"


def _by_name(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its sources by name, as far as every one has a name of its own."""
    sources = content.get("sources")
    if not isinstance(sources, list):
        return dict(content)
    names = [str(source["name"]) for source in sources if isinstance(source, Mapping) and "name" in source]
    if len(set(names)) != len(sources):
        return dict(content)
    return {**content, "sources": dict(zip(names, sources, strict=True))}


def _same(one: object, other: object) -> bool:
    # By their canonical bytes, as a digest sees them: to Python, True is 1.
    return canonical(one) == canonical(other)


def _told(value: Any) -> Any:
    """A value of the file as plain JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _told(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_told(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
