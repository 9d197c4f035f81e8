"""The developer's one command, which CI runs too: `uv run python -m kata.dev`.

Lint, format, types, stubs in step with solutions; the laws on the solutions from outside, the bodies of the
gpu laws among them; then every test in process, what takes long included. `--fast` stops before the laws,
`--no-suite` before the last.
"""

import argparse
import os
import subprocess
import sys
import time

from kata.waist.implementation import ROOT

_PYTEST = [sys.executable, "-m", "pytest", "--impl", "solutions"]
CHECKS: list[tuple[str, list[str]]] = [
    ("lint", [sys.executable, "-m", "ruff", "check", "."]),
    ("format", [sys.executable, "-m", "ruff", "format", "--check", "."]),
    ("types", [sys.executable, "-m", "mypy"]),
    ("stubs", [sys.executable, "-m", "kata.course.stubs", "--check"]),
]
ISOLATED = [("isolated", [*_PYTEST, "--profile", "ci", "--isolated", "--gpu-on-cpu", "--ignore", "tests/meta", "-q"])]
SUITE = [("suite", [*_PYTEST, "--thorough"])]


def main(arguments: list[str]) -> int:
    """Run the checks in order and stop at the first that fails, with its exit status."""
    parser = argparse.ArgumentParser(
        prog="kata.dev", description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--fast", action="store_true", help="lint, format, types and stubs only")
    parser.add_argument("--no-suite", action="store_true", help="stop before the tests in process")
    options = parser.parse_args(arguments)
    steps = CHECKS + ([] if options.fast else ISOLATED + ([] if options.no_suite else SUITE))
    for name, command in steps:
        started = time.monotonic()
        print(f"— {name}", flush=True)
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode
        print(f"  {name}: {'ok' if status == 0 else 'FAILED'}, {time.monotonic() - started:.1f} s", flush=True)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
