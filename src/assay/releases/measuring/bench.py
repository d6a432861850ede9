"""The judges that can be opened here: over the application's models, or a provider's where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from assay.errors import InputError
from assay.evaluation.judges.kept import Verdicts
from assay.evaluation.judges.opening import JOINING, OFFLINE, Bench
from assay.models.chat import ChatModel
from assay.releases import parts
from assay.releases.checks import leaves
from assay.releases.file.reading import FILE_NAME
from assay.releases.file.sections import EXTRACTIVE, ModelChoice
from assay.releases.measuring.model_revision import revision
from assay.releases.project import Project

_KINDS = frozenset({*JOINING, OFFLINE})
"""What may stand before a colon in a judge's name without being a provider."""
_ADDRESS = re.compile(r"([^\s:,]+):[^\s,]+")


def bench(file: Path | None = None, *, verdicts: Verdicts | None = None) -> Bench:
    """Judges over the models of an application, by name, and over any ``provider:model``.

    ``file`` is the application's; None looks for one here and above, and none is needed for a provider's model
    and the offline judge. Nothing is read or opened before a judge is. ``verdicts`` are used again and added to,
    as long as nothing changes in a model's settings that can alter them.
    """
    models = _Models(cache(lambda: _application(file)))
    return Bench(models=models, revisions=_Revisions(models), verdicts=verdicts)


def _application(file: Path | None) -> Project | None:
    here = Path.cwd()
    if file is None and not any((folder / FILE_NAME).is_file() for folder in (here, *here.parents)):
        return None
    return Project.load(file)


@dataclass(frozen=True, slots=True)
class _Models(Mapping[str, ChatModel]):
    """Models by name, opened once each, when they are asked for. Raises ConfigError, ModelError, InputError."""

    application: Callable[[], Project | None]
    opened: dict[str, ChatModel] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ChatModel:
        if name not in self.opened:
            self.opened[name] = self._opened(name, self.chosen(name), self.application())
        return self.opened[name]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        # No model of an application has a colon in its name: only others need its file.
        return _is_provided(name) if ":" in name else name in self._choices()

    def __iter__(self) -> Iterator[str]:
        # What messages offer: a model that only quotes cannot judge.
        return (name for name, chosen in self._choices().items() if chosen.uses != EXTRACTIVE)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def chosen(self, name: str) -> ModelChoice:
        """A model's settings. Raises KeyError, and InputError for one that cannot judge."""
        if _is_provided(name):
            return ModelChoice(uses=name)
        chosen = self._choices().get(name)
        if chosen is None:
            raise KeyError(name)
        if chosen.uses == EXTRACTIVE:
            raise InputError(f"model {name!r} only quotes and cannot judge; name a language model, or `offline`")
        return chosen

    def _opened(self, name: str, chosen: ModelChoice, project: Project | None) -> ChatModel:
        if project is not None and project.manifest.limits.data == "local" and leaves(chosen):
            raise InputError(f'the judge {name!r} would send data to another machine, but limits.data is "local"')
        return parts.chat_model(name, chosen, project.file.directory if project is not None else Path())

    def _choices(self) -> Mapping[str, ModelChoice]:
        project = self.application()
        return project.manifest.models if project is not None else {}


@dataclass(frozen=True, slots=True)
class _Revisions(Mapping[str, str]):
    """What tells the settings of one name from its settings at another time."""

    models: _Models

    def __getitem__(self, name: str) -> str:
        return revision(self.models.chosen(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)


def _is_provided(name: str) -> bool:
    """Whether a name is ``provider:model`` rather than a model's name or a judge made of several."""
    found = _ADDRESS.fullmatch(name)
    return found is not None and found[1] not in _KINDS
