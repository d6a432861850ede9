from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from assay.errors import StoreError
from assay.ingestion.lock import exclusive


def test_a_second_ingestion_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ingest.lock"
    for _ in range(2):
        with exclusive(path), pytest.raises(StoreError, match=rf"process {os.getpid()}\) is running"), exclusive(path):
            pass


def test_a_full_disk_leaves_the_holder_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with exclusive(tmp_path / "lock"), pytest.raises(StoreError, match="process unknown"), exclusive(tmp_path / "lock"):
        pass


def test_a_disk_that_cannot_lock_is_not_another_ingestion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match="cannot be locked: No locks available"), exclusive(tmp_path / "lock"):
        pass
