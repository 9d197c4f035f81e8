"""Walls around what runs a submission, where Linux and bubblewrap offer them.

The outer wall is around the worker: bubblewrap gives it namespaces of its own (users, processes, IPC, network, mounts)
and a file system that holds Python, the installed packages, this side of the waist and the probes, all read-only, and
nothing else of the clone: no laws, oracles, solutions or misconceptions, no git objects, no other submission. The
inner wall is around each child: once more its own namespaces, so that it has empty folders of its own to write in, sees
no sibling, cannot signal or trace one, and takes every process that it started with it when it ends.

Namespaces rather than Landlock or seccomp: what is not there needs no rule, and all of it goes with the last process.
"""

import contextlib
import ctypes
import errno
import functools
import os
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

from kata.waist.implementation import ROOT
from kata.waist.tensorflow_start import ENVIRONMENT

TOOL = "/tool"
"""Where the worker finds `kata` and the probes inside the walls."""
_PRIVATE = ("/tmp", "/dev/shm")
"""Folders that every child has for itself, empty at first."""
_WRITABLE = "size=64m,nr_inodes=4096,mode=0700"
_MOST_PROCESSES = 128
_MOST_FILES = 256
_LARGEST_FILE = 64 * 2**20

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/libx32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl", "/etc/alternatives")
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_EXECUTE = {"x86_64": (0xC000003E, 59, 322), "aarch64": (0xC00000B7, 221, 281)}
"""By machine: how the kernel calls its architecture, and its calls that start a program."""


@functools.cache
def missing() -> str:
    """Why there can be no walls here, in words with a remedy; "" where there can."""
    if platform.system() != "Linux":
        return "walls around submissions need Linux"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian and Ubuntu: `apt install bubblewrap`)"
    try:
        done = subprocess.run(
            around([sys.executable, "-c", "from kata.waist import walls; walls.enter()"]),
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run here: {error}"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"bubblewrap cannot make namespaces here: {said[:200]}"
    return ""


def around(command: list[str]) -> list[str]:
    """`command`, run inside the outer wall."""
    words = [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--uid", "1000", "--gid", "1000", "--hostname", "kata", "--clearenv"),
        *("--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"),
        *("--tmpfs", "/tmp", "--tmpfs", "/dev/shm"),
    ]
    for name, value in environment().items():
        words += ["--setenv", name, value]
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in _ETC:
        words += ["--ro-bind-try", path, path]
    for path in _python_folders():
        words += ["--ro-bind", path, path]
    package = ROOT / "kata"
    words += [
        *("--ro-bind", str(package / "__init__.py"), f"{TOOL}/kata/__init__.py"),
        *("--ro-bind", str(package / "waist"), f"{TOOL}/kata/waist"),
        *("--ro-bind", str(ROOT / "tests" / "__init__.py"), f"{TOOL}/tests/__init__.py"),
        *("--ro-bind", str(ROOT / "tests" / "probes"), f"{TOOL}/tests/probes"),
        *("--chdir", TOOL, "--remount-ro", "/"),
    ]
    return [*words, "--", *command]


def _python_folders() -> list[str]:
    """Where Python and the installed packages are, as far as that is not below `/usr`."""
    found: list[Path] = []
    for prefix in (sys.base_prefix, sys.prefix, os.path.realpath(sys.base_prefix)):
        path = Path(prefix)
        if path not in found and not path.is_relative_to("/usr"):
            found.append(path)
    return [str(path) for path in found]


def environment() -> dict[str, str]:
    """All that the worker's environment holds inside the walls."""
    return {
        **ENVIRONMENT,
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": TOOL,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


# Inside


def enter() -> None:
    """Go behind a wall of this process' own, inside the outer one. Its children are in the new process namespace.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    _done(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWNET))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(text)
    _done(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    # A clone, and its environment with it, may lie in a folder that is about to be covered.
    covered = [path for path in _python_folders() if path.startswith(tuple(f"{folder}/" for folder in _PRIVATE))]
    held = {path: os.open(path, os.O_PATH) for path in covered}
    for folder in _PRIVATE:
        _done(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, _WRITABLE.encode()))
    for path, number in held.items():  # as read-only as it was
        os.makedirs(path)
        _done(libc.mount(f"/proc/self/fd/{number}".encode(), path.encode(), None, _MS_BIND | _MS_REC, None))
        os.close(number)


def close_behind() -> None:
    """Give up what could open a wall from inside, and take on the limits of a child."""
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _done(libc.capset(header, (ctypes.c_uint32 * 6)()))  # nothing effective, permitted or inheritable
    for what, most in (
        (resource.RLIMIT_NPROC, _MOST_PROCESSES),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
    ):
        resource.setrlimit(what, (most, most))
    os.chdir("/tmp")
    _start_no_program(libc)


def _start_no_program(libc: ctypes.CDLL) -> None:
    """From now on neither this process nor one that it starts can become another program.

    A fresh interpreter would have none of what guards this one. A filter of system calls, which cannot be taken off.
    """
    if platform.machine() not in _EXECUTE:
        return
    architecture, *calls = _EXECUTE[platform.machine()]
    program = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_JUMP_IF_EQUAL, 0, 1 + len(calls), architecture),
        (_LOAD, 0, 0, 0),  # the number of the call
        *((_JUMP_IF_EQUAL, len(calls) - i, 0, call) for i, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    _done(libc.prctl(_PR_SET_SECCOMP, 2, struct.pack("HP", len(program), ctypes.addressof(buffer)), 0, 0))


def die_with_parent() -> None:
    """Where Linux offers it: this process does not outlive its parent."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _done(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
