"""What can be wrong with a ledger, as a sentence with a remedy."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


class LedgerError(ValueError):
    """The ledger cannot be used as asked; the text says why and what to do."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say of the ledger at `path` into a LedgerError.

    Raises:
        LedgerError: in place of `sqlite3.Error`, `OSError` and `UnicodeError`.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        raise LedgerError(_sentence(path, name, str(error))) from error
    except UnicodeDecodeError as error:
        raise LedgerError(damaged(path, "what should be text is none")) from error
    except UnicodeEncodeError as error:
        raise LedgerError(f"{path} cannot hold {error.object!r}: it is no text; rename what it comes from") from error
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise LedgerError(
            f"{where}: {error.strerror or error}. Make room there and make it writable, or give another --out; "
            "what was kept so far is safe, and the same command goes on"
        ) from error


def _sentence(path: Path, name: str, text: str) -> str:
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return (
            f"{path} cannot be written to, the disk may be full ({text}): make room; "
            "what was kept so far is safe, and the same command goes on"
        )
    if name == "SQLITE_NOTADB":
        return f"{path} is no ledger of this tool, or its beginning is damaged: move it away, or give another --out"
    if name.startswith("SQLITE_CORRUPT"):
        return damaged(path, text)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return f"{path} cannot be opened ({text}): make it and its folder readable and writable, or give another --out"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path} is in use by another program: close what has it open, then call the same command again"
    return f"{path} cannot be used ({text}): move it away, or give another --out"


def damaged(path: Path, text: str) -> str:
    remedy = "take it from a backup; or move the folder away and grade again, with the same --seed"
    return f"{path} is damaged ({text}): {remedy}"
