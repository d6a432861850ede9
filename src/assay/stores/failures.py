"""What SQLite's errors mean to the person who has to mend them."""

from __future__ import annotations

from assay.errors import StoreError

_MENDS = {
    "SQLITE_FULL": "the disk is full; free some space and run again, nothing that was committed is lost",
    "SQLITE_READONLY": "it cannot be written; grant write permission on the file and its folder",
    "SQLITE_PERM": "access is denied; grant read and write permission on the file and its folder",
    "SQLITE_AUTH": "access is denied; grant read and write permission on the file and its folder",
    "SQLITE_BUSY": "another process has kept it locked too long; wait for it to finish, or end it",
    "SQLITE_LOCKED": "another connection keeps it locked; wait for it to finish",
    "SQLITE_CORRUPT": "its contents are damaged; restore it from a backup, or delete it and build it again",
    "SQLITE_NOTADB": "it is not a database; name another file, or move this one away and build it again",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its folder exists and may be written",
    "SQLITE_IOERR": "the disk reports an error; check the disk and the free space",
    "SQLITE_TOOBIG": "a value is too large to be stored (the limit is 1 GB)",
}


def explained(error: BaseException, place: str) -> StoreError:
    """A StoreError for ``place`` (a file, or a URL without its password) that says how to mend it.

    ``error`` is what the driver raised; unknown ones keep the driver's own words.
    """
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        for known, mend in _MENDS.items():
            if name == known or name.startswith(f"{known}_"):
                return StoreError(f"{place}: {mend}")
    text = str(error).strip().splitlines()
    return StoreError(f"{place}: {text[0] if text else type(error).__name__}")
