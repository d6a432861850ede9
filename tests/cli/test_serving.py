"""What ``assay serve`` leaves behind when it cannot serve, and when it can."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.serving import server

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def ingested(app: Path, run: Run) -> Path:
    assert run("ingest", "--quiet").code == 0
    return app


def test_what_cannot_listen_is_not_live(ingested: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--port", taken.getsockname()[1])
    assert done.code == 2
    assert "cannot listen on" in done.err
    assert not is_live(ingested)


def test_what_is_ready_is_live(ingested: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is ready and then ends."""
    live_when_ready: list[bool] = []

    def serve(app: object, *, ready: Callable[[str], None], **_: Any) -> None:
        ready("http://127.0.0.1:1")
        live_when_ready.append(is_live(ingested))

    monkeypatch.setattr(server, "serve", serve)
    assert not is_live(ingested)
    assert "serving" in run("serve").err
    assert live_when_ready == [True]


def is_live(app: Path) -> bool:
    from assay.errors import NotFound
    from assay.releases import parts
    from assay.releases.history.snapshots import LIVE, Snapshots
    from assay.releases.project import Project

    database = parts.database(Project.load(app))
    try:
        Snapshots(database).find(LIVE)
    except NotFound:
        return False
    finally:
        database.close()
    return True
