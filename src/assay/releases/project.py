"""An application on this machine: its file, its release, and the folder that holds its state.

State lies in ``.assay`` beside ``assay.toml``: ``state.db`` (ledger, vectors by text, traces,
releases) and ``indexes/``. Deleting the folder loses traces and work, never a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assay.errors import ConfigError
from assay.releases.file.reading import FILE_NAME, ApplicationFile, read
from assay.releases.manifest import Manifest
from assay.releases.release import Release

STATE = ".assay"
LOCK = "ingest.lock"


@dataclass(frozen=True)
class Project:
    """An application's file that has been read and validated."""

    file: ApplicationFile

    @classmethod
    def load(cls, path: Path | None) -> Project:
        """Read an application's file; None looks for ``assay.toml`` here and in the folders above.

        Raises ConfigError.
        """
        return cls(read(path if path is not None else _nearest()))

    @property
    def manifest(self) -> Manifest:
        return self.file.manifest

    @property
    def name(self) -> str:
        return self.manifest.app.name

    @property
    def state(self) -> Path:
        """The folder of the application's state; it may not exist yet."""
        return self.file.directory / STATE

    @property
    def database(self) -> Path:
        """The file of the ledger, the vectors by text, the traces and the releases."""
        return self.state / "state.db"

    @cached_property
    def release(self) -> Release:
        """The configuration that answers."""
        return Release.of(self.manifest, prompt=self.file.prompt)


def _nearest() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            found = folder / FILE_NAME
            # As the user would name it: messages quote this path.
            return Path(FILE_NAME) if folder == here else found
    raise ConfigError("there is no such file here or above; `assay init DIR --from FOLDER` writes one", path=FILE_NAME)
