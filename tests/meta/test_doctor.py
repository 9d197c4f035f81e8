"""`kata doctor` and the sandbox: whether the walls stand, and the command that mends it."""

import platform
import shutil
from pathlib import Path

import pytest

from kata.learn import doctor
from kata.waist import walls


def finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str, bwrap: str | None, apparmor: str) -> str:
    """The remedy for what is missing, on a Linux like that."""
    (tmp_path / "apparmor_restrict_unprivileged_userns").write_text(apparmor)
    monkeypatch.setattr(doctor, "APPARMOR", tmp_path / "apparmor_restrict_unprivileged_userns")
    monkeypatch.setattr(walls, "missing", lambda: reason)
    monkeypatch.setattr(shutil, "which", lambda name: bwrap)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    found = doctor._sandbox()
    assert found.well == (not reason)
    assert not found.needed
    assert reason in found.found
    return found.remedy


@pytest.mark.parametrize(
    ("reason", "bwrap", "apparmor", "remedy"),
    [
        ("", "/usr/bin/bwrap", "0\n", ""),
        ("bubblewrap is not installed", None, "1\n", "sudo apt install bubblewrap"),
        ("no", "/usr/bin/bwrap", "1\n", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
        ("no", "/usr/bin/bwrap", "0\n", "allow user namespaces, or grade on a machine that does"),
    ],
)
def test_the_sandbox_stands_or_is_mended(
    reason: str, bwrap: str | None, apparmor: str, remedy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert finding(monkeypatch, tmp_path, reason, bwrap, apparmor) == remedy


def test_where_there_can_be_none_there_is_nothing_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "missing", lambda: "walls around submissions need Linux")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    found = doctor._sandbox()
    assert found.well
    assert "need Linux" in found.found
