"""Make docs/images/demo.svg: run the demo and draw what it printed, as a terminal shows it.

    python tools/picture.py [RECORDING]

With a file that holds a terminal's output, colours included, that is drawn instead of a new run.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 130


def main() -> None:
    """Run, draw, write."""
    output = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else demo()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn(output), encoding="utf-8")


def demo() -> str:
    """What `make demo` prints after the installation."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(["sh", "demo.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def drawn(output: str) -> str:
    """A terminal's output as SVG, long lines wrapped; fonts are the reader's own, so that nothing is fetched."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(output.strip("\n")))
    svg = console.export_svg(title="make demo", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)


if __name__ == "__main__":
    main()
