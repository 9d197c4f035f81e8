"""What is taken of a student's entry: the chapter files as bytes, and what was noticed. Nothing else of it is kept."""

import hashlib

import msgspec


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What a student handed in.

    With neither files nor a refusal nothing was handed in: every kata is `missing`. With a refusal something was, and
    could not be taken: every kata is `broken`, and the refusal is the cause. A chapter that is not among the files of
    others that are is `missing`.
    """

    student: str
    """The id: the entry's name without the archive's suffix."""
    files: dict[str, bytes] = {}
    """By the name of the chapter's file, such as `ch02_losses.py`, in the curriculum's order; as they came."""
    notes: tuple[str, ...] = ()
    """What was noticed, a sentence each."""
    refused: str = ""
    """Why nothing could be taken; empty otherwise."""

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the files' names and bytes: equal for what cannot be told apart by judging."""
        found = hashlib.sha256()
        for name, data in sorted(self.files.items()):
            for part in (name.encode(), data):
                found.update(len(part).to_bytes(8, "big"))  # so that no two lists of files run together
                found.update(part)
        return found.hexdigest()
