"""PDF, Office, HTML, e-mail and the like, through a child process that extracts their text.

The child starts when the first such file comes, is killed when a document takes too long,
and ends by itself when this process is gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from anyio import get_cancelled_exc_class, to_thread

from assay.documents import Mark
from assay.errors import SourceError
from assay.ingestion.media import RICH
from assay.ingestion.parsing import Parsed

PARSER_REVISION = "rich-1+kreuzberg-4"
_TYPES = frozenset(RICH.values())


class RichParser:
    """Extracts text and marks (pages, slides, sheets, headings). ``seconds`` is the limit for a document.

    ``command`` starts the child; another one serves tests. One document at a time.
    """

    def __init__(
        self,
        *,
        seconds: float = 120.0,
        command: tuple[str, ...] = (sys.executable, "-m", "assay.ingestion.extraction"),
    ) -> None:
        self._seconds, self._command = seconds, command
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    @property
    def revision(self) -> str:
        return PARSER_REVISION

    def reads(self, media_type: str) -> bool:
        return media_type in _TYPES

    async def parse(self, content: bytes, media_type: str) -> Parsed:
        """Raises SourceError for what is damaged, protected, empty, or takes too long."""
        try:
            return await to_thread.run_sync(self._parse, content, media_type, abandon_on_cancel=True)
        except get_cancelled_exc_class():
            self._kill()
            raise

    def close(self) -> None:
        """End the child."""
        self._kill()

    def _parse(self, content: bytes, media_type: str) -> Parsed:
        with self._turn:
            late = threading.Event()
            child = self._started()
            timer = threading.Timer(self._seconds, _end, (child, late))
            timer.start()
            try:
                answer = _exchanged(child, content, media_type)
            finally:
                timer.cancel()
            if answer is None:
                self._kill()
                if late.is_set():
                    raise SourceError(f"took more than {self._seconds:g} s to extract; exclude it, or split it")
                raise SourceError("made the extraction crash; it is damaged, or too large for memory")
        if "error" in answer:
            raise SourceError(answer["error"])
        return Parsed(answer["title"], answer["text"], tuple(Mark(*mark) for mark in answer["marks"]))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._child

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was still to be written cannot be, its reader is dead
                        pipe.close()


def _end(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    child.kill()


def _exchanged(child: subprocess.Popen[bytes], content: bytes, media_type: str) -> dict[str, Any] | None:
    """The child's answer; None when it died."""
    assert child.stdin is not None
    assert child.stdout is not None
    head = json.dumps({"media_type": media_type, "bytes": len(content)}).encode() + b"\n"
    try:
        child.stdin.write(head + content)
        child.stdin.flush()
        line = child.stdout.readline()
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError):
        return None
    return answer
