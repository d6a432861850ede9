"""A cold ``assay ask`` with a stopwatch: prints the CPU seconds of this process at the answer's first sentence.

    python -m benchmarks.first_token FILE QUESTION

Imports nothing that the command does not; an abstention counts from the moment it is said.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Do what ``assay ask --file FILE QUESTION`` does up to its first sentence, and report."""
    import json
    import time
    from importlib import import_module
    from pathlib import Path

    # What the command has imported by the time it opens the application.
    for module in ("assay.cli.app", "assay.cli.batch", "assay.cli.conversation"):
        import_module(module)
    import anyio

    from assay.answering.events import Question, Sentence
    from assay.releases.build import open_application
    from assay.releases.project import Project

    application = open_application(Project.load(Path(sys.argv[1])))

    async def ask() -> dict[str, object]:
        try:
            events = application.answer(Question(sys.argv[2]))
            event = await anext(events)
            cpu = time.process_time()
            await events.aclose()
            return {"cpu_seconds": cpu, "answered": isinstance(event, Sentence)}
        finally:
            await application.close()

    print(json.dumps(anyio.run(ask)))


if __name__ == "__main__":
    main()
