"""One grader at a time in a folder: a lock that goes with its process, however that ends."""

import errno
import fcntl
import os
from pathlib import Path

from kata.grade.ledger_trouble import LedgerError

NAME = ".ledger.lock"


class Lock:
    """A lock on a folder, held until `release` or the end of the process; readers share it among themselves.

    The file stays: removing it would let two processes lock two files of the same name. Children that are started the
    ordinary way (`subprocess`) do not hold it; a plain `os.fork` would, and should call `release` there.
    """

    def __init__(self, folder: Path, *, exclusive: bool) -> None:
        """Take the lock, or raise.

        Raises:
            LedgerError: another process has it.
            OSError: the folder cannot be written to, though `exclusive` asks for it.
        """
        self._number: int | None = None
        path = folder / NAME
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY, 0o644)
        except (FileNotFoundError, PermissionError):
            if exclusive:
                raise
            return  # nobody writes here, or none that a reader would hear of
        try:
            fcntl.flock(number, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(number, 32).decode("ascii", "replace").strip()
            os.close(number)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            who = f"another grader (process {holder})" if exclusive and holder else "a grader"
            raise LedgerError(f"{who} is at work in {folder}: wait until it is done, or give another --out") from None
        self._number = number
        if exclusive:
            os.truncate(number, 0)
            os.pwrite(number, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)
