"""What no single key can tell: names that must exist, be unique, or stay on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from assay.releases.file.locator import KeyPath, nearest
from assay.releases.file.mistakes import Mistake, suggest
from assay.releases.file.sections import EXTRACTIVE, ModelChoice
from assay.releases.manifest import DEFAULT_MODEL, PACKAGED_EMBEDDER, Manifest

OFFLINE = "offline"
_JUDGES = frozenset({"panel", "majority", "cascade", "claims"})


def check(manifest: Manifest, lines: Mapping[KeyPath, int], path: Path) -> list[Mistake]:
    """Mistakes between keys of a manifest that is right key by key."""
    found = (
        *_sources(manifest),
        *_embedder(manifest),
        *_route(manifest),
        *_judges(manifest),
        *_stays_local(manifest),
    )
    return [Mistake(str(path), nearest(lines, place), message) for place, message in found]


def _sources(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    first: dict[str, int] = {}
    for number, source in enumerate(manifest.sources):
        if source.title in first:
            key = "name" if source.name else "path"
            yield (
                ("sources", number, key),
                f'sources[{number}] is called "{source.title}" like sources[{first[source.title]}]; '
                "give one of them another name",
            )
        first.setdefault(source.title, number)


def _embedder(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    if PACKAGED_EMBEDDER in manifest.embedders:
        yield (
            ("embedders", PACKAGED_EMBEDDER),
            f'"{PACKAGED_EMBEDDER}" is the embedder that comes with Assay; choose another name',
        )
    name = manifest.index.embedder
    if name != PACKAGED_EMBEDDER and name not in manifest.embedders:
        hint = suggest(name, [PACKAGED_EMBEDDER, *manifest.embedders])
        yield (
            ("index", "embedder"),
            f'index.embedder names "{name}", but there is no [embedders.{name}]; {hint}',
        )


def _route(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    known = [*{DEFAULT_MODEL: None, **manifest.models}]
    seen: set[str] = set()
    for number, name in enumerate(manifest.answer.route):
        place: KeyPath = ("answer", "route", number)
        if name not in known:
            yield (
                place,
                f'answer.route names "{name}", but there is no [models.{name}]; {suggest(name, known)}',
            )
        elif name in seen:
            yield place, f'answer.route names "{name}" twice'
        seen.add(name)
    unused = [name for name in manifest.models if name != DEFAULT_MODEL and name not in judges(manifest)]
    if unused and "route" not in manifest.answer.model_fields_set:
        yield (
            ("models", unused[0]),
            f"[models.{unused[0]}] is defined, but answer.route does not say which models answer; "
            f'write route = ["{unused[0]}", "{DEFAULT_MODEL}"] in [answer]',
        )


def _judges(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    known = [OFFLINE, *(name for name, model in manifest.models.items() if model.uses != EXTRACTIVE)]
    for name in judges(manifest):
        if name not in known:
            yield (
                ("evaluation", "judge"),
                f'evaluation.judge names "{name}", but there is no language model [models.{name}]; '
                f"{suggest(name, known)}",
            )


def judges(manifest: Manifest) -> list[str]:
    """The file's models that its judge is made of: of ``panel:a,b`` a and b, of ``provider:model`` none."""
    wanted = manifest.evaluation.judge
    if wanted in manifest.models:
        return [wanted]
    kind, colon, members = wanted.partition("@")[0].rpartition(":")
    if colon and kind not in _JUDGES:
        return []
    return [name for member in members.split(",") if (name := member.strip())]


def _stays_local(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    """``limits.data = "local"``: nothing that reads a question or a document may be elsewhere."""
    if manifest.limits.data != "local":
        return
    for name in dict.fromkeys([*manifest.answer.route, *judges(manifest)]):
        model = manifest.models.get(name)
        if model is not None and leaves(model):
            where = model.base_url or model.uses
            yield (
                ("models", name, "base_url" if model.base_url else "uses"),
                f'models.{name} would send data to {where}, but limits.data is "local"',
            )
    embedder = manifest.embedder
    if embedder is not None and not is_local(embedder.base_url):
        yield (
            ("embedders", manifest.index.embedder, "base_url"),
            f'embedders.{manifest.index.embedder} would send data to {embedder.base_url}, but limits.data is "local"',
        )


def leaves(model: ModelChoice) -> bool:
    """Whether asking the model sends data to another machine."""
    return model.uses != EXTRACTIVE and (model.base_url is None or not is_local(model.base_url))


def is_local(url: str) -> bool:
    """Whether an address is this machine's own: ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
