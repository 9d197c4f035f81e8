"""The site's pages as Markdown (MyST), by their paths: the start, and a page for each chapter.

A chapter is one page, as its lesson is one file: `ch02_losses.html#huber` is what `lessons/ch02_losses.md` has under
the heading `huber`, and what its notebook has under the same name.
"""

from collections.abc import Iterator

from kata.course import curriculum
from kata.course.curriculum import Chapter, Kata
from kata.course.rules import RULES
from kata.site import contract

_KINDS = {
    "scratch": "from tensor operations",
    "keras": "with Keras’ own objects",
    "free": "as you like",
}

_START = """# Katas for TensorFlow training and optimization

{count} small exercises that take you through training a model, from the loss to mixed precision: read a lesson, fill in
a stub, save, and be told what is wrong with it, on the smallest input that shows it. Here are the lessons. The
exercises, and the tool that judges them, are in the course’s repository{where}.

In a clone of it, on Linux, macOS or WSL 2 with Python 3.11 or newer:

```text
pip install uv && uv run kata watch
```

judges on every save and follows you from kata to kata. All of it takes about {hours} hours.

## Chapters

{chapters}

## The rules of every kata

What holds for every kata, and no docstring repeats:

{rules}

```{{toctree}}
:hidden:

{names}
```
"""

_CHAPTER = """---
tocdepth: 2
---

{heading}

{about}

```{{rst-class}} katas
```
| kata | stars | minutes |
|:---|:---|---:|
{rows}

{introduction}

{katas}
"""

_KATA = """({name})=
## `{name}`

```{{rst-class}} facts
```
{facts}

{lesson}

```{{rubric}} What it must do
:heading-level: 3
```

{contract}

```{{rubric}} Hints
:heading-level: 3
```

{hints}

```{{rubric}} Judge it
:heading-level: 3
```

Write it in {file}, and run:

```text
uv run kata check {name}
```
"""


def sources(repository: str = "") -> dict[str, str]:
    """All pages, by their paths in the generator's folder.

    Args:
        repository: the web address of the course's repository, as GitHub or GitLab shows it, for links to its
            files; none is made when it is empty.
    """
    found = {f"{chapter.name}.md": _chapter(chapter, repository) for chapter in curriculum.chapters()}
    return {"index.md": _start(repository), **found}


def notebook_path(chapter: Chapter) -> str:
    """Where the site has the chapter's notebook."""
    return f"notebooks/{chapter.name}.ipynb"


def _start(repository: str) -> str:
    chapters = curriculum.chapters()
    katas = curriculum.katas()
    return _START.format(
        count=len(katas),
        where=f": <{repository}>" if repository else "",
        hours=round(_minutes(katas) / 60),
        chapters="\n".join(map(_listed, chapters)),
        rules="\n".join(f"- {contract.escaped(rule)}" for rule in RULES),
        names="\n".join(chapter.name for chapter in chapters),
    )


def _listed(chapter: Chapter) -> str:
    katas = " · ".join(f"[`{kata.name}`](#{kata.name})" for kata in chapter.katas)
    return f"{chapter.number}. [{chapter.title}]({chapter.name}.md), {_minutes(chapter.katas)} minutes\n\n   {katas}\n"


def _chapter(chapter: Chapter, repository: str) -> str:
    heading, _, introduction = chapter.introduction.partition("\n")
    about = [
        f"{len(chapter.katas)} katas, about {_minutes(chapter.katas)} minutes.",
        f"You write in {_file(chapter.name, repository)},",
        f'or in <a href="{notebook_path(chapter)}" download>this chapter’s notebook</a>',
        "for Colab, Jupyter or VS Code.",
    ]
    return _CHAPTER.format(
        heading=heading,
        about="\n".join(about),
        rows="\n".join(map(_row, chapter.katas)),
        introduction=introduction.strip(),
        katas="\n".join(_kata(kata, repository) for kata in chapter.katas),
    )


def _row(kata: Kata) -> str:
    return f"| [`{kata.name}`](#{kata.name}) | {_stars(kata)} | {kata.minutes} |"


def _kata(kata: Kata, repository: str) -> str:
    return _KATA.format(
        name=kata.name,
        facts=f"{_stars(kata)} · {kata.minutes} minutes · {_KINDS[kata.kind]}",
        lesson=kata.lesson,
        contract=contract.as_markdown(kata),
        hints="\n\n".join(_hints(kata)),
        file=_file(kata.chapter, repository),
    )


def _hints(kata: Kata) -> Iterator[str]:
    for number, hint in enumerate(kata.hints, 1):
        summary = f"<summary>Hint {number} of {len(kata.hints)}</summary>"
        yield f'<details class="hint">{summary}\n\n{hint}\n\n</details>'


def _stars(kata: Kata) -> str:
    label = f"{kata.difficulty} of 3 stars"
    return f'<span role="img" aria-label="{label}" title="{label}">{kata.stars}</span>'


def _file(chapter: str, repository: str) -> str:
    """The chapter's exercises; a link where the repository is known."""
    path = f"exercises/{chapter}.py"
    return f"[`{path}`]({repository}/blob/HEAD/{path})" if repository else f"`{path}`"


def _minutes(katas: tuple[Kata, ...]) -> int:
    return sum(kata.minutes for kata in katas)
