from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StoreError
from assay.stores.lock import exclusive


def test_a_lock_is_held_by_one_and_released(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"

    def take() -> None:
        with exclusive(path, patience=0):
            pass

    with exclusive(path), pytest.raises(StoreError, match="another process has held the lock"):
        take()
    take()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"), exclusive(tmp_path / "file" / "lock"):
        pass
