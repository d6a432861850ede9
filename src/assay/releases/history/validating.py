"""What can be found out of a release before it answers, beyond what reading its file finds.

Reading checks keys, values, names and the prompt's variables. Here is what needs a look at this installation: plug-ins,
providers, scorers, files. What is wrong everywhere is a mistake; what is only missing here is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from assay import plugins
from assay.releases.file.locator import KeyPath, locate, nearest
from assay.releases.file.mistakes import ConfigErrors, Mistake, suggest
from assay.releases.file.sections import COMPATIBLE, EXTRACTIVE
from assay.releases.manifest import Manifest
from assay.releases.project import Project

_OWN_RERANKER = "late-interaction"


def validated(project: Project, place: str | None = None) -> tuple[str, ...]:
    """What is missing on this machine for the release to answer: keys, folders of documents.

    ``place`` is what messages call the file; None takes its path. Raises ConfigErrors for all that is wrong.
    """
    lines = locate(project.file.text)
    path = place or str(project.file.path)
    found = [Mistake(path, nearest(lines, key), message) for key, message in _mistakes(project)]
    if found:
        raise ConfigErrors(found)
    return tuple(_missing(project))


def _mistakes(project: Project) -> Iterator[tuple[KeyPath, str]]:
    manifest = project.manifest
    yield from _plugged(manifest)
    yield from _providers(manifest)
    yield from _scorers(manifest)
    for name, model in manifest.route.items():
        if model.tokenizer is not None and not project.file.resolve(model.tokenizer).is_file():
            yield (
                ("models", name, "tokenizer"),
                f"models.{name}.tokenizer names {model.tokenizer}, but there is no such file",
            )


def _plugged(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    reranker = manifest.retrieval.rerank
    known = [_OWN_RERANKER, *plugins.names("reranker")]
    if isinstance(reranker, str) and reranker not in known:
        yield (
            ("retrieval", "rerank"),
            f'retrieval.rerank names "{reranker}", which no package brings; {suggest(reranker, known)}',
        )
    store = manifest.index.store
    if store != "embedded" and store not in plugins.names("index"):
        mend = f"pip install 'assay[{store}]'"
        yield ("index", "store"), f'index.store names "{store}", which is not installed: {mend}'


def _providers(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    named = {
        name: model.uses.partition(":")[0]
        for name, model in manifest.route.items()
        if model.uses not in (EXTRACTIVE, COMPATIBLE) and model.base_url is None
    }
    if not named:
        return
    from pydantic_ai.providers import infer_provider_class

    for name, provider in named.items():
        try:
            infer_provider_class(provider)
        except ValueError:
            yield (
                ("models", name, "uses"),
                f'models.{name}.uses names the provider "{provider}", which is not known; '
                'for a server of your own write uses = "openai-compatible" and its base_url',
            )
        except ImportError:  # its package may be installed where the release will answer
            continue


def _scorers(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    from assay.evaluation.scorers.opening import scorer_names

    known = scorer_names()
    for number, name in enumerate(manifest.evaluation.scorers):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
            yield ("evaluation", "scorers", number), f'evaluation.scorers names "{name}", which is no scorer; {hint}'


def _missing(project: Project) -> Iterator[str]:
    for source in project.manifest.sources:
        if not project.file.resolve(source.path).exists():
            yield f"the source {source.title} is not there: {project.file.resolve(source.path)}"
    for name, model in project.manifest.route.items():
        if model.api_key_env is not None and not os.environ.get(model.api_key_env):
            yield f"models.{name} reads its key from {model.api_key_env}, which is not set here"
