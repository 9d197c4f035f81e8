"""A failing case as a script: plain Python that has the learner's file do again what the check had it do."""

import ast
import base64
import json
import re
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kata.course import curriculum
from kata.judge.case import Case
from kata.learn.probe_source import NotAlone, Sources
from kata.waist.codec import KataName, ProbeName, Raised, Record, Tensor
from kata.waist.implementation import ROOT
from kata.waist.nested import leaves
from kata.waist.question import Answered, Question
from kata.waist.show import numpy_type, source
from kata.waist.transcript import Line, names_in, transcribe

WIDTH = 110
LONGEST_LITERAL = 60
"""Characters of an array beyond which it gets a name and lines of its own."""
MOST_ELEMENTS = 2_000
"""Of an array that is written as numbers; a longer one is written as its bytes."""
FIRST_LINE = "# A failing case of the kata "
SETTINGS = """\
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # none of TensorFlow's own log lines
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # sums in one order, as in the check
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")"""

START = """\
np.set_printoptions(floatmode="unique")  # all digits
random.seed(0)  # as in the check
np.random.seed(0)"""


def script(case: Case) -> str:
    """The script that has the case again; it needs Python, TensorFlow, NumPy and the learner's file."""
    questions, answers = case.questions(), case.answers()
    writer = _Writer(case, questions)
    taken = {*writer.taken, *writer.sources.names}
    lines = transcribe(questions, answers, writer.name, record=writer.record, taken=taken)
    calls: list[str] = []
    for i, line in enumerate(lines):
        answer = answers[i] if i < len(answers) else None
        silent = isinstance(answer, Answered) and answer.value is None
        calls += _statement(line, is_last=i == len(lines) - 1, raised=isinstance(answer, Raised), silent=silent)
    parts = [
        _heading(case),
        _imports(writer.sources.imports | {"import os", "import random", "import sys", *writer.imports}),
        SETTINGS,
        "\n".join(["import numpy as np", "import tensorflow as tf"]),
        "\n".join(writer.chapter_lines),
        writer.sources.text,
        "\n".join(writer.array_lines),
        START,
        "\n".join(calls),
        _ending(case),
    ]
    return "\n\n".join(part for part in parts if part).replace("\n\n\n\n", "\n\n\n") + "\n"


def _heading(case: Case) -> str:
    rows = [
        f"{FIRST_LINE}{case.kata}: run it with `uv run python FILE`.",
        *(f"# {row}" for row in textwrap.wrap(f"The law: {case.words}", WIDTH - 2, break_on_hyphens=False)),
    ]
    return "\n".join(rows)


def _ending(case: Case) -> str:
    texts = [
        f"expected: {case.expected}" if case.expected else "",
        f"yours, when it was checked: {case.yours}" if case.yours else "",
        case.cause.partition(": expected ")[0] if case.yours and case.expected else case.cause,
    ]
    rows = [textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False) for text in texts]
    return "\n".join(f"# {row}" for part in rows for row in part)


def _imports(statements: set[str]) -> str:
    ours = {"import numpy as np", "import tensorflow as tf"}
    return "\n".join(sorted(statements - ours, key=lambda text: (text.startswith("from"), text)))


def _statement(line: Line, *, is_last: bool, raised: bool, silent: bool) -> list[str]:
    """One call; what it gives is printed, unless it is an object that is needed again, or nothing."""
    prefix, ending = ("", "") if silent and not is_last else ("print(", ")")
    if line.result:
        prefix, ending = f"{line.result} = ", ""
    one = f"{prefix}{line.expression}{ending}"
    if len(one) <= WIDTH or line.question.read or not line.args:
        rows = [one]
    else:
        rows = [f"{prefix}{line.target}(", *(f"    {row}" for arg in line.args for row in _laid_out(arg)), f"){ending}"]
    if line.result and line.result.startswith("result"):
        rows.append(f"print({line.result})")
    if raised and not is_last:
        return [
            "try:",
            *(f"    {row}" for row in rows),
            "except Exception as error:",
            "    print(type(error).__name__, error)",
        ]
    return rows


def _laid_out(expression: str) -> list[str]:
    """An argument; where it is too long for a row, each part of it on rows of its own."""
    keyword = re.match(r"\w+=(?!=)", expression)
    head = keyword[0] if keyword else ""
    value = expression[len(head) :]
    node = ast.parse(value, mode="eval").body
    if len(expression) <= WIDTH - 10 or not isinstance(node, ast.List | ast.Tuple) or not node.elts:
        return [f"{expression},"]
    parts = [ast.get_source_segment(value, part) or "" for part in node.elts]
    return [f"{head}{value[0]}", *(f"    {row}" for part in parts for row in _laid_out(part)), f"{value[-1]},"]


class _Writer:
    """What a script says before its calls: the learner's modules, the probes, the larger arrays."""

    def __init__(self, case: Case, questions: list[Question]) -> None:
        self.case = case
        katas, probes, records = names_in(questions)
        self.imports: set[str] = set()
        self.chapter_lines: list[str] = []
        self.array_lines: list[str] = []
        self.sources = Sources()
        self.taken = {"os", "random", "sys", "np", "tf"}
        self._records = {(record.type_name, record.fields): self._record(record, katas) for record in records}
        self._chapters(katas)
        self._probes(probes)
        self._arrays(questions)

    def name(self, leaf: Any) -> str | None:
        """What a leaf is called in the script, where it is not written out."""
        if isinstance(leaf, KataName):
            path, name = self.case.implementation.definition(leaf)
            return f"{path.stem}.{name}"
        return self._named.get(_content(leaf)) if isinstance(leaf, np.ndarray) else None

    def record(self, record: Record) -> str:
        """What a record's type is called."""
        return self._records[record.type_name, record.fields]

    def _chapters(self, katas: list[KataName]) -> None:
        names = katas or [KataName(self.case.chapter, self.case.kata)]
        paths = list(dict.fromkeys(self.case.implementation.definition(kata)[0] for kata in names))
        folders = list(dict.fromkeys(str(path.parent) for path in paths))
        self.chapter_lines = [f"sys.path.insert(0, {_quoted(folder)})" for folder in folders]
        self.chapter_lines += [f"import {path.stem}  # yours" for path in paths]
        self.taken |= {path.stem for path in paths}

    def _record(self, record: Record, katas: list[KataName]) -> str:
        """The chapter's NamedTuple of that name, or one just like it."""
        for kata in katas:
            path, _ = self.case.implementation.definition(kata)
            try:
                if isinstance(curriculum.definitions(path).get(record.type_name), ast.ClassDef):
                    return f"{path.stem}.{record.type_name}"
            except (OSError, SyntaxError, ValueError):
                continue
        self.imports.add("from collections import namedtuple")
        return f"namedtuple({record.type_name!r}, {list(record.fields)!r})"

    def _probes(self, probes: list[ProbeName]) -> None:
        try:
            for probe in probes:
                self.sources.add(probe)
        except NotAlone:
            self.sources = Sources()
            self.chapter_lines.append(f"sys.path.append({_quoted(str(ROOT))})")
            self.chapter_lines += [f"from tests.probes.{probe.module} import {probe.name}" for probe in probes]
            self.taken |= {probe.name for probe in probes}

    def _arrays(self, questions: list[Question]) -> None:
        """Give each larger array a name and lines of its own; a copy to each call that gets it, as in the check."""
        self._named: dict[Any, str] = {}
        found = [
            leaf
            for question in questions
            for leaf in leaves([list(question.args), question.kwargs])
            if isinstance(leaf, np.ndarray) and (leaf.size > MOST_ELEMENTS or len(source(leaf)) > LONGEST_LITERAL)
        ]
        times = Counter(map(_content, found))
        for leaf in found:
            key = _content(leaf)
            if key in self._named:
                continue
            name = f"array{len(self._named) + 1}"
            self.taken.add(name)
            self.array_lines.append(f"{name} = {self._array(leaf)}")
            is_shared = times[key] > 1 and not isinstance(leaf, Tensor)
            self._named[key] = f"{name}.copy()" if is_shared else name

    def _array(self, array: np.ndarray[Any, Any]) -> str:
        text = source(array, most=MOST_ELEMENTS)
        if text.startswith("<"):
            self.imports.add("import base64")
            plain = np.asarray(array)
            data = base64.b64encode(plain.tobytes()).decode()
            rows = "\n".join(f'    "{row}"' for row in textwrap.wrap(data, WIDTH - 6))
            read = f"np.frombuffer(base64.b64decode(\n{rows}\n), {numpy_type(plain.dtype)})"
            made = f"{read}.reshape({plain.shape}).copy()"
            return f"tf.constant({made})" if isinstance(array, Tensor) else made
        if len(text) < WIDTH - 10:
            return text
        return "\n    ".join(textwrap.wrap(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _content(array: np.ndarray[Any, Any]) -> Any:
    return isinstance(array, Tensor), array.dtype.name, array.shape, array.tobytes()


def is_a_script(path: Path) -> bool:
    """Whether the file at `path` is one that was written here, and may be written anew."""
    try:
        return path.read_text("utf-8").startswith(FIRST_LINE)
    except (OSError, UnicodeDecodeError):
        return False
