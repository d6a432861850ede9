"""Reading ``assay.toml`` and its prompt: every mistake at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from assay.answering.prompt import DEFAULT, Prompt, load_prompt
from assay.errors import ConfigError
from assay.releases.checks import check
from assay.releases.file.locator import KeyPath, locate, nearest
from assay.releases.file.mistakes import ConfigErrors, Mistake, explain
from assay.releases.manifest import Manifest

FILE_NAME = "assay.toml"

_POSITION = re.compile(r"\s*\((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")


class NoFile(ConfigError):
    """A file of the application is not there."""


@dataclass(frozen=True, slots=True)
class ApplicationFile:
    """A file that has been read: paths in ``manifest`` are relative to ``directory``.

    ``prompt`` is the built-in one where the file names none. ``text`` and ``prompt_text`` are what was
    read, for keeping.
    """

    path: Path
    manifest: Manifest
    prompt: Prompt
    text: str = ""
    prompt_text: str | None = None

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
    return interpreted(read_text(path), path, str(path), read_text)


def interpreted(text: str, path: Path, place: str, read_prompt_text: Callable[[Path], str]) -> ApplicationFile:
    """The application's file at ``path`` as ``text`` says it is, which may not be what stands there now.

    ``place`` is what messages call it; ``read_prompt_text`` gives the text of the prompt's file, by its path.
    Raises ConfigError.
    """
    manifest, lines = parse(text, place)
    mistakes = check(manifest, lines, Path(place))
    try:
        prompt_text = _prompt_text(manifest, lines, path, place, read_prompt_text)
        if prompt_text is None:
            prompt = load_prompt(DEFAULT, "the built-in prompt")
        else:
            name = manifest.answer.prompt or ""
            prompt = load_prompt(prompt_text, str(path.parent / name) if place == str(path) else f"{place}, {name}")
    except ConfigError as error:
        raise ConfigErrors([*mistakes, Mistake.of(error)]) from error
    if mistakes:
        raise ConfigErrors(mistakes)
    return ApplicationFile(path, manifest, prompt, text, prompt_text)


def _prompt_text(
    manifest: Manifest, lines: Mapping[KeyPath, int], path: Path, place: str, read_file: Callable[[Path], str]
) -> str | None:
    """What the prompt's file holds, None where the manifest names none. Raises ConfigError."""
    name = manifest.answer.prompt
    if name is None:
        return None
    try:
        return read_file(path.parent / name)
    except NoFile as error:
        line = nearest(lines, ("answer", "prompt"))
        raise ConfigError(f"answer.prompt names {name}, but there is no such file", path=place, line=line) from error


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
        raise NoFile(f"there is no such file{hint}", path=str(path)) from None
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
