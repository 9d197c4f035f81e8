"""The developer's one command, which CI runs too: `uv run python -m kata.dev`.

Lint, format, types, stubs in step with solutions, then every test on the solutions, in process and isolated.
`--fast` leaves the tests out.
"""

import os
import subprocess
import sys
import time

from kata.implementation import ROOT

_PYTEST = [sys.executable, "-m", "pytest", "--impl", "solutions", "--profile", "ci", "-q"]
CHECKS: list[tuple[str, list[str]]] = [
    ("lint", [sys.executable, "-m", "ruff", "check", "."]),
    ("format", [sys.executable, "-m", "ruff", "format", "--check", "."]),
    ("types", [sys.executable, "-m", "mypy"]),
    ("stubs", [sys.executable, "-m", "kata.stubs", "--check"]),
]
TESTS: list[tuple[str, list[str]]] = [
    ("tests", [*_PYTEST, "--gpu-on-cpu", "-n", "2"]),
    ("isolated", [*_PYTEST, "--isolated", "--ignore", "tests/meta"]),
]


def main(arguments: list[str]) -> int:
    """Run the checks in order and stop at the first that fails, with its exit status."""
    for name, command in CHECKS + ([] if "--fast" in arguments else TESTS):
        started = time.monotonic()
        print(f"— {name}", flush=True)
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode
        print(f"  {name}: {'ok' if status == 0 else 'FAILED'}, {time.monotonic() - started:.1f} s", flush=True)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
