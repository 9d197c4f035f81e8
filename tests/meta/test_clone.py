"""Which clone a command is about, also where the package was installed apart from it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from kata import clone
from kata.waist.implementation import ROOT


def test_a_clone_is_known_from_within() -> None:
    assert clone.clone_at(ROOT / "lessons" / "plots") == ROOT
    assert clone.clone_at(Path("/")) is None


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages into which `pip install .` has put the package, and its entry point for pytest."""
    folder = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(ROOT / "kata", folder / "kata", ignore=shutil.ignore_patterns("__pycache__"))
    about = folder / "kata-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kata\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[pytest11]\nkata.pytest_plugin = kata.pytest_plugin\n")
    return folder


def call(apart: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run with the package of `apart`, and everything else from this environment but its own link to the clone."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    code = (
        "import sys, runpy; sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)]\n"
        "sys.argv[0] = 'kata'\n"
        "from kata.cli import main; main()"
    )
    packages = sysconfig.get_paths()["purelib"]
    # -I: neither the current folder nor the link that an editable install leaves.
    command = [sys.executable, "-I", "-S", "-c", code, str(apart), packages, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_clone_that_is_called_from_runs(apart: Path) -> None:
    done = call(apart, "list", "7", "--json", cwd=ROOT / "lessons")
    assert done.returncode == 0, done.stderr
    assert '"kata": "linear_scaling_rule"' in done.stdout


def test_where_there_is_no_clone_that_is_said(apart: Path, tmp_path: Path) -> None:
    done = call(apart, "list", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("kata: this is no clone of the katas")
    assert "git clone" in done.stderr
    assert "Traceback" not in done.stderr
