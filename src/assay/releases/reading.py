"""Reading ``assay.toml`` and its prompt: every mistake at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from assay.answering.prompt import DEFAULT, Prompt, load_prompt
from assay.errors import ConfigError
from assay.releases.checks import check
from assay.releases.locator import KeyPath, locate, nearest
from assay.releases.manifest import Manifest
from assay.releases.mistakes import ConfigErrors, Mistake, explain

FILE_NAME = "assay.toml"

_POSITION = re.compile(r"\s*\((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")


@dataclass(frozen=True, slots=True)
class ApplicationFile:
    """A file that has been read: paths in ``manifest`` are relative to ``directory``.

    ``prompt`` is the built-in one where the file names none.
    """

    path: Path
    manifest: Manifest
    prompt: Prompt

    @property
    def directory(self) -> Path:
        return self.path.parent

    def resolve(self, path: str) -> Path:
        """A path of the file on this machine."""
        return self.directory / path


def read(path: Path) -> ApplicationFile:
    """Read an application's file, or the ``assay.toml`` of a folder, and its prompt.

    Raises ConfigError (ConfigErrors for mistakes in the content) naming file, line, key
    and the nearest valid key.
    """
    path = path / FILE_NAME if path.is_dir() else path
    text = read_text(path)
    manifest, lines = parse(text, str(path))
    mistakes = check(manifest, lines, path)
    prompt: Prompt | None = None
    try:
        prompt = read_prompt(manifest, lines, path)
    except ConfigError as error:
        mistakes.append(Mistake.of(error))
    if prompt is None or mistakes:
        raise ConfigErrors(mistakes)
    return ApplicationFile(path=path, manifest=manifest, prompt=prompt)


def read_prompt(manifest: Manifest, lines: Mapping[KeyPath, int], path: Path) -> Prompt:
    """The prompt that the manifest at ``path`` names, or the built-in one. Raises ConfigError."""
    name = manifest.answer.prompt
    if name is None:
        return load_prompt(DEFAULT, "the built-in prompt")
    place = path.parent / name
    if not place.exists():
        line = nearest(lines, ("answer", "prompt"))
        raise ConfigError(f"answer.prompt names {name}, but there is no such file", path=str(path), line=line)
    return load_prompt(read_text(place), str(place))


def parse(text: str, path: str) -> tuple[Manifest, dict[KeyPath, int]]:
    """A manifest from TOML text, with the line of every key. Raises ConfigError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, text, path) from error
    lines = locate(text)
    try:
        return Manifest.model_validate(data), lines
    except ValidationError as error:
        details = error.errors(include_url=False)
        mistakes = explain(details, data=data, model=Manifest, lines=lines, path=path)
        raise ConfigErrors(mistakes) from error


def read_text(path: Path) -> str:
    """A text file of the application as UTF-8 with line feeds. Raises ConfigError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        hint = f"; `assay init {path.parent} --from FOLDER` writes one" if path.name == FILE_NAME else ""
        raise ConfigError(f"there is no such file{hint}", path=str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", path=str(path)) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text; save it as UTF-8", path=str(path), line=line) from error


def _syntax_error(error: tomllib.TOMLDecodeError, text: str, path: str) -> ConfigError:
    message = str(error)
    found = _POSITION.search(message)
    words = message[: found.start()] if found else message
    if found and found["line"]:
        return ConfigError(f"not valid TOML, column {found['column']}: {words}", path=path, line=int(found["line"]))
    line = text.rstrip("\n").count("\n") + 1 if found else None
    return ConfigError(f"not valid TOML, at the end of the file: {words}", path=path, line=line)
