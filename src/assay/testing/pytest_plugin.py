"""The pytest plugin: a fixture ``assert_passes``, and the verdicts in pytest's summary.

Found by pytest through the entry point ``pytest11``; imports nothing heavy until a test asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from assay.releases.measuring.evaluating import Evaluated

_TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def assert_passes(request: pytest.FixtureRequest) -> Callable[..., Evaluated]:
    """``assay.testing.passing.assert_passes``, its verdict told in the summary at the end."""
    from assay.testing import passing

    told = request.config.stash.setdefault(_TOLD, [])

    def check(*arguments: Any, **options: Any) -> Evaluated:
        try:
            found = passing.assert_passes(*arguments, **options)
        except AssertionError as error:
            told.append(f"{request.node.nodeid}: {str(error).splitlines()[0]}")
            raise
        except pytest.skip.Exception as skipped:
            told.append(f"{request.node.nodeid}: {skipped.msg}")
            raise
        verdict = found.comparison.verdict if found.comparison else None
        told.append(f"{request.node.nodeid}: {type(verdict).__name__.lower()}: {verdict.why if verdict else ''}")
        return found

    return check


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A line for each release that was held against its gate."""
    told = config.stash.get(_TOLD, [])
    if told:
        terminalreporter.section("assay")
        for line in told:
            terminalreporter.write_line(line)
