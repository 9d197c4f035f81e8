"""Ids as names of files: safe on every system, and no two ids share one."""

import hashlib
import re
from collections.abc import Iterable

_PLAIN = re.compile(rb"[A-Za-z0-9_.@+=-]")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever its ending."""
_LONGEST = 120
"""Characters: with an ending and what writing beside adds, every file system has room."""


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """A name for each id, which two ids never share, not even where capitals do not count.

    Letters, digits and `_ . @ + = -` stand for themselves; every other byte is `%` and two digits, so that nothing
    leads out of a folder, hides, or is spelt in two ways. A device's name, a dot or dash in front and a dot at the end
    are written so too. Ids that are too long, or that differ in capitals alone, get a `~` and a digest.
    """
    names = {one: _encoded(one) for one in ids}
    folded: dict[str, list[str]] = {}
    for one, name in names.items():
        folded.setdefault(name.casefold(), []).append(one)
    for same in folded.values():
        if len(same) > 1:
            names |= {one: f"{names[one]}~{_digest(one)}" for one in same}
    return names


def _encoded(one: str) -> str:
    data = one.encode("utf-8", "surrogatepass")
    parts = [chr(byte) if _PLAIN.match(bytes([byte])) else f"%{byte:02X}" for byte in data]
    if parts and (parts[0] in ".-" or _DEVICES.fullmatch(one)):
        parts[0] = f"%{data[0]:02X}"
    if parts and parts[-1] == ".":
        parts[-1] = "%2E"
    name = "".join(parts) or "%"
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST].rstrip('.')}~{_digest(one)}"


def _digest(one: str) -> str:
    return hashlib.sha256(one.encode("utf-8", "surrogatepass")).hexdigest()[:16]
