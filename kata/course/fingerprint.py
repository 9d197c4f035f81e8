"""A fingerprint of all the text that a kata's verdict can depend on: its definition, and what that uses.

Two equal fingerprints mean that nothing which matters has changed, so a verdict on the one holds for the other.
Comments, blank lines and other katas do not matter, unless the kata uses them.
"""

import ast
import hashlib
import re
from pathlib import Path

from kata.course import curriculum

_REFLECTION = frozenset({"globals", "locals", "vars", "eval", "exec", "getattr", "__import__", "importlib", "sys"})
"""With one of these, code can reach whatever the file holds, without naming it."""
_CHAPTER = re.compile(r"\bch\d\d_\w+")


def fingerprints(path: Path, names: list[str], laws: bytes = b"") -> dict[str, str]:
    """For each of the katas `names` in the chapter at `path` a fingerprint; none where there is nothing to judge.

    `laws`: the text of the laws, for a verdict depends on them as well.
    """
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return {}
    defined = {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    uses = {name: _names(node) for name, node in defined.items()}
    # Imports, constants and whatever else stands at the top runs for every kata.
    rest = [node for node in body if node not in defined.values()]
    always = set().union(*map(_names, rest)) if rest else set()
    dumps = {name: ast.dump(node) for name, node in defined.items()}
    shared = "\n".join(map(ast.dump, rest)) + _neighbours(path, rest)
    found = {}
    for name in names:
        if name in defined:
            reached = _reached({name} | always, uses)
            if any(_REFLECTION & uses[other] for other in reached if other in uses) or _REFLECTION & always:
                reached = set(defined)
            text = "\n".join([name, shared, *(dumps[other] for other in defined if other in reached)])
            found[name] = hashlib.sha256(laws + text.encode()).hexdigest()[:16]
    return found


def _names(node: ast.AST) -> set[str]:
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return found | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def _reached(start: set[str], uses: dict[str, set[str]]) -> set[str]:
    """All definitions that `start` uses, by way of others too."""
    found: set[str] = set()
    waiting = [name for name in start if name in uses]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other for other in uses[name] if other in uses]
    return found


def _neighbours(path: Path, body: list[ast.stmt]) -> str:
    """The text of other chapters that this one imports."""
    imports = "".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))
    others = sorted(set(_CHAPTER.findall(imports)) - {path.stem})
    known = {chapter.name for chapter in curriculum.chapters()}
    texts = (path.with_name(f"{name}.py") for name in others if name in known)
    return "".join(file.read_text("utf-8", errors="replace") for file in texts if file.exists())
