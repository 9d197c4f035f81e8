"""The text of a probe with all that it needs, so that a script can do without this repository."""

import ast
import builtins
from dataclasses import dataclass, field
from pathlib import Path

from kata.course import curriculum
from kata.waist.codec import ProbeName
from kata.waist.implementation import ROOT

OURS = ("tests", "kata", "solutions")


class NotAlone(Exception):
    """The probe cannot be written out: its script has to import it from the clone."""


@dataclass
class Sources:
    """Definitions gathered from our modules, each module's in its own order, what they need before them."""

    imports: set[str] = field(default_factory=set)
    _texts: dict[str, tuple[Path, int, str]] = field(default_factory=dict)
    _modules: list[Path] = field(default_factory=list)

    def add(self, probe: ProbeName) -> None:
        """Gather what `probe` needs.

        Raises:
            NotAlone: two modules give different things one name, or a module of ours is imported as a whole.
        """
        self._need(ROOT / "tests" / "probes" / f"{probe.module}.py", probe.name)

    @property
    def names(self) -> set[str]:
        """All names that the text defines."""
        return set(self._texts)

    @property
    def text(self) -> str:
        """The definitions, as they stand in our files."""
        order = {path: i for i, path in enumerate(self._modules)}
        found = sorted({(order[path], line, text) for path, line, text in self._texts.values()})
        return "\n\n\n".join(text for _, _, text in found)

    def _need(self, path: Path, name: str) -> None:
        statement = _statements(path).get(name)
        if statement is None:
            return
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._import(statement, name)
            return
        if name in self._texts:
            if self._texts[name][0] != path:
                raise NotAlone(name)
            return
        lines = path.read_text("utf-8").splitlines()
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        self._texts[name] = path, first, "\n".join(lines[first - 1 : statement.end_lineno])
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and not (hasattr(builtins, node.id) and node.id not in _statements(path)):
                self._need(path, node.id)
        if path not in self._modules:
            self._modules.append(path)  # after what it needs

    def _import(self, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        alias = next(a for a in statement.names if (a.asname or a.name.partition(".")[0]) == name)
        module = statement.module or "" if isinstance(statement, ast.ImportFrom) else alias.name
        if module.partition(".")[0] not in OURS:
            self.imports.add(ast.unparse(type(statement)(**{**vars(statement), "names": [alias]})))
            return
        path = ROOT / f"{module.replace('.', '/')}.py"
        if isinstance(statement, ast.Import) or alias.asname or not path.exists():
            raise NotAlone(name)
        self._need(path, alias.name)


def _statements(path: Path) -> dict[str, ast.stmt]:
    """What gives each name at the top of the module its meaning."""
    found: dict[str, ast.stmt] = {}
    for statement in curriculum.statements(path):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = statement
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found.update({alias.asname or alias.name.partition(".")[0]: statement for alias in aliases})
            case ast.Assign(targets=targets):
                names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
                found.update(dict.fromkeys(names, statement))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = statement
    return found
