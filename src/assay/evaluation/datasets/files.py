"""Datasets as files: one case a line, read from one or several, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path

from assay.errors import InputError
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.datasets.case_lines import line_of, read_case
from assay.evaluation.datasets.jsonl import read_lines


def read_dataset(files: Sequence[str | Path], *, name: str | None = None, base: Path | None = None) -> Dataset:
    """The cases of all files under one name, in the order of files and lines.

    Each of ``files`` is a path or a pattern (``evals/*.jsonl``, ``**`` for any folders), below ``base`` where
    it is relative; a pattern's files come in order of their names, and none twice. ``name`` defaults to the
    files' own. Raises InputError for a pattern that no file matches, a case that is wrong, an id that two
    cases have, and where there is no case at all.
    """
    paths = list(dict.fromkeys(path for file in files for path in matching(file, base=base)))
    cases = tuple(_distinct(located for path in paths for located in _located(path)))
    if not cases:
        raise InputError(f"{', '.join(map(str, paths)) or 'no file'}: there is no case in it; add one a line")
    return Dataset(name or "+".join(path.stem for path in paths), cases)


def read_cases(path: Path) -> list[Case]:
    """The cases of one file, which may be empty. Raises InputError as ``read_dataset``."""
    return list(_distinct(_located(path)))


def write_dataset(cases: Dataset | Iterable[Case], path: Path) -> None:
    """Write a file of cases, in their order, in place of what is there. Equal cases give equal bytes.

    The file is complete or as before, whatever happens. Raises InputError for a case that could not be
    read again, an id that two have, and a file that cannot be written.
    """
    found = tuple(cases.cases if isinstance(cases, Dataset) else cases)
    text = _text(_distinct((case, f"case {number}") for number, case in enumerate(found, 1)))
    _replace(_target(path), text.encode())


def append_cases(path: Path, cases: Sequence[Case]) -> None:
    """Add cases at the end of a file, or make one; the lines that are there stay as they are.

    Safe for several processes. Raises InputError as ``write_dataset``, and for an id that the file has.
    """
    text = _text(cases).encode()
    path = _target(path)
    with _locked(path):
        old = path.read_bytes()
        new = ((case, f"the {number}. new case") for number, case in enumerate(cases, 1))
        for _ in _distinct([*_located(path), *new]):
            pass
        gap = b"" if not old or old.endswith(b"\n") else b"\n"
        _replace(path, old + gap + text)


def matching(file: str | Path, *, base: Path | None = None) -> list[Path]:
    """The files that a path or a pattern names, in order of their names. Raises InputError where there is none."""
    path = (base or Path()) / file
    # A file whose name holds brackets is itself, not a pattern.
    if path.exists() or not has_magic(str(file)):
        if path.is_dir():
            raise InputError(f"{path} is a folder; name its files, such as {path / '*.jsonl'}")
        return [path]
    # As a shell does it: hidden files are not meant by a star.
    found = glob(str(file), root_dir=base, recursive=True)  # noqa: PTH207
    files = sorted(each for name in found if (each := (base or Path()) / name).is_file())
    if not files:
        raise InputError(f"{path}: no file matches; `assay dataset add FILE` makes one")
    return files


def _text(cases: Iterable[Case]) -> str:
    return "".join(f"{line_of(case)}\n" for case in cases)


def _located(path: Path) -> Iterator[tuple[Case, str]]:
    return ((read_case(line.value, line.place), line.place) for line in read_lines(path))


def _distinct(located: Iterable[tuple[Case, str]]) -> Iterator[Case]:
    places: dict[str, str] = {}
    for case, place in located:
        if case.id in places:
            raise InputError(
                f'{place}: the id "{case.id}" is that of {places[case.id]} too; '
                "give each case its own (a case without one is named by what it asks)"
            )
        places[case.id] = place
        yield case


def _target(path: Path) -> Path:
    """The file itself, not a link to it, which a rename would put aside."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be written: {error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file that others may put another in place of; makes an empty one where there is none."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                yield
                return
        finally:
            os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    """What new files are denied here; it cannot be read but by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
