"""What the student edition is made of: what is copied from the course, and what is written for it.

It holds what judging a learner's own exercises needs, and no way to write a kata. So the laws, their oracles (NumPy
formulas, written independently of the solutions) and the probes are in it, and of the misconceptions what they say;
not in it are the solutions, the approaches, the misconceptions' bodies, the tool's own tests and what belongs to them.
"""

import functools
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from kata.course import curriculum, stubs
from kata.course.curriculum import Described
from kata.waist.implementation import ROOT

COPIED = (
    "kata/*.py",
    "kata/page/*.css",
    "kata/page/*.js",
    "kata/site/static/*.css",
    "kata/site/scorer.js",
    "lessons/*.md",
    "lessons/*.svg",
    "tests/*.py",
    "conftest.py",
    "pyproject.toml",
    "LICENSE",
    ".gitignore",
    ".ci/exercises",
    ".devcontainer/*.json",
    ".vscode/*.json",
)
"""Patterns of what is copied (`*` stands for folders as well). What is not named here is left out: a file that is new
in the course does not get out by itself."""
NOT_COPIED = ("tests/meta/*",)
"""Of these, what is left out all the same: the tool's own tests hold solutions in many places."""

_SOLUTIONS_ONLY = re.compile(r"^\| `kata (?:compare|solution)\b.*\n", re.MULTILINE)
"""Rows of the table of commands that need the solutions."""

_README = """# {title}

{about} This is the student edition: everything to learn and to be judged with, and no solutions.

In this folder, on Linux, macOS or WSL 2 with Python 3.11 or newer (the first start downloads TensorFlow, some 600 MB installed):

```
pip install uv && uv run kata                            # checks your exercises and says what to do next
```

## Learn

{learn}

## Hand in

The folder `exercises/`, as it is or packed as a `.zip` or `.tar.gz`; a clone of your repository will do as well. Only
the chapters' own files are taken, under the names that they have here: what a kata needs stands in its chapter's file,
or in another chapter's. Of a notebook, hand in the code of its cells, in the chapter's file.

## The rules

{rules}
"""  # noqa: E501


def is_copied(path: str) -> bool:
    """Whether the course's file `path` (with slashes, from its top) is in the edition as it is."""
    return any(fnmatchcase(path, pattern) for pattern in COPIED) and not any(
        fnmatchcase(path, pattern) for pattern in NOT_COPIED
    )


@functools.cache
def untouched() -> dict[str, str]:
    """The stubs, by their paths in the edition: those to write in, and those that are kept as they are."""
    texts = {chapter.name: stubs.pristine(chapter.name) for chapter in curriculum.chapters()}
    return {f"{folder}/{name}.py": text for folder in ("exercises", "stubs") for name, text in texts.items()}


def written() -> Iterator[tuple[str, str]]:
    """What is written for the edition besides: paths, and the texts of the files."""
    yield "README.md", readme((ROOT / "README.md").read_text("utf-8"))
    yield ".github/workflows/katas.yml", workflow((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    yield "misconceptions/__init__.py", '"""Wrong turns: what is said of them. Their bodies are left out."""\n'
    for chapter in curriculum.chapters():
        yield f"misconceptions/{chapter.name}.py", sayings(curriculum.variants("misconception", chapter.name))


def sayings(misconceptions: list[Described]) -> str:
    """A chapter of misconceptions without their bodies: enough to name one, too little to learn what is right."""
    parts = ['"""What is said of wrong turns; the bodies are left out."""\n']
    parts.append("from kata.waist.variants import misconception\n")
    for described in misconceptions:
        more = f", hint={described.hint}" * (described.hint is not None) + ", subtle=True" * described.subtle
        says = json.dumps(described.text, ensure_ascii=False)  # a string of Python's as well
        parts.append(f'\n@misconception("{described.variant.kata}", says={says}{more})')
        parts.append(f"def {described.variant.name}():\n    raise NotImplementedError\n")
    return "\n".join(parts)


def readme(course: str) -> str:
    """The edition's README, from the sections of the course's that are for learners.

    Raises:
        ValueError: the course's README has no such sections.
    """
    head, *sections = re.split(r"^## ", course, flags=re.MULTILINE)
    found = {title: body.strip() for title, _, body in (section.partition("\n") for section in sections)}
    lacking = [title for title in ("Learn", "The rules") if title not in found]
    if lacking:
        raise ValueError(
            f"README.md has no section “{lacking[0]}”, which the student edition's is made from; restore it"
        )
    title, _, about = head.removeprefix("# ").strip().partition("\n\n")
    learn = _SOLUTIONS_ONLY.sub("", found["Learn"])
    return _README.format(title=title, about=about.partition("\n\n")[0], learn=learn, rules=found["The rules"])


def workflow(course: str) -> str:
    """The edition's workflow for GitHub: the job of the course's that judges `exercises/` after a push.

    Raises:
        ValueError: the course's has no such job.
    """
    job = re.search(r"^  exercises:\n(?:^(?:   .*)?\n?)+", course, re.MULTILINE)
    if job is None:
        raise ValueError(".github/workflows/ci.yml has no job `exercises`, which the student edition takes; restore it")
    return f"name: katas\non: [push]\njobs:\n{job[0].rstrip()}\n"
