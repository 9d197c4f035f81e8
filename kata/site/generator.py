"""Runs Sphinx on the pages: MyST reads them, Furo lays them out, and what it warns of is an error.

Of well-kept generators: MkDocs and its Material theme are no longer developed; Zensical, their successor, is young, and
builds in parallel; Sphinx checks every link and formula, gives the same bytes again, and searches without a server.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kata.waist.implementation import ROOT

_CONFIGURATION = Path(__file__).parent
_NOT_SERVED = (".buildinfo", "objects.inv")
"""What the generator writes for itself and for other manuals."""


class Ungenerated(ValueError):
    """The generator refuses a page; the text says which, and why."""


def generate(pages: Mapping[str, bytes], scratch: Path, out: Path) -> None:
    """Make a website of the `pages`.

    Args:
        pages: Markdown, and the pictures that it shows, by their paths.
        scratch: an empty folder for what is needed on the way.
        out: the folder for the site.

    Raises:
        Ungenerated: a page has a link that leads nowhere, a formula that cannot be read, or another fault.
    """
    source, said = scratch / "source", scratch / "warnings"
    for path, data in pages.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(data)
    # In a process of its own, for Sphinx leaves much behind in the one it has run in.
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "sphinx",
        "--quiet",
        "--no-color",
        "--fresh-env",
        "--conf-dir",
        _CONFIGURATION,
    ]
    command += ["--builder", "html", "--doctree-dir", scratch / "trees", "--warning-file", said, source, out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    problems = said.read_text("utf-8") if said.exists() else ""
    if done.returncode or problems:
        faults = (problems or done.stderr).replace(f"{source.resolve()}/", "").strip()
        raise Ungenerated(f"nothing was written, for the pages cannot be made; mend their lessons:\n{faults}")
    for name in _NOT_SERVED:
        (out / name).unlink(missing_ok=True)
