"""The structure of the package, read from syntax trees; `python tests/helpers/structure.py [CHECKOUT]` prints figures.

They are: files and lines, imports of other rooms' private modules, circles of imports, names that say nothing, and
how many files a recording passes through in `explain`. Any two checkouts can be compared.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VAGUE_NAMES = {"found", "said", "asked", "one", "at", "of", "known", "shown", "given", "kept", "there"}
"""Pronouns and participles that name nothing."""
STRING_IMPORT = re.compile(r"rltools(\.\w+)+(:\w+)?")

_EXPLAIN = """
import sys, tempfile, rltools
policy = rltools.load_policy("cartpole-ppo")
recording = rltools.record(policy, episodes=2, max_steps=50, directory=tempfile.mkdtemp() + "/run")
rltools.explain(recording, policy, method="gradient", target="logit:chosen")
files = set()
sys.setprofile(lambda frame, event, arg: files.add(frame.f_code.co_filename))
rltools.explain(recording, policy, method="gradient", target="logit:all")
sys.setprofile(None)
print(sum("/rltools/" in name and name.endswith(".py") for name in files))
"""


@dataclass(frozen=True)
class Import:
    """One name that a module imports, by a statement or by a string that looks like the path of a module.

    Attributes:
        module: the one that imports.
        name: of what is imported, in full.
        line: where.
        target: the module of the package that is imported; "" for other libraries and for strings that lead to none.
        is_string: whether it is a string, for instance of an entry point.
    """

    module: str
    name: str
    line: int
    target: str
    is_string: bool

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}, imports {self.name}"


def room_of(module: str) -> str:
    """The room of a module; "" for the package itself, which lists public names and loads them on first use."""
    return module.split(".")[1] if "." in module else ""


@cache
def modules(root: Path) -> dict[str, Path]:
    """Every module of the package in a checkout, by its name."""
    paths = {}
    for path in sorted((root / "rltools").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[1] != "_content":
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def docstring_of(node: ast.AST) -> ast.AST | None:
    """The constant that is the docstring of a module, a class or a function, if it has one."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.value
    return None


def imports_in(module: str, tree: ast.Module, names: frozenset[str]) -> list[Import]:
    """Everything that a module imports: at its top, in a function, under TYPE_CHECKING, or by a string.

    Args:
        module: its name.
        tree: its syntax tree.
        names: of the modules of the package.
    """
    docstrings = {id(docstring_of(node)) for node in ast.walk(tree)}
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(alias.name, node.lineno, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            imports += [(f"{source}.{alias.name}", node.lineno, False) for alias in node.names]
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and STRING_IMPORT.fullmatch(node.value)
        ):
            imports.append((node.value.replace(":", "."), node.lineno, True))
    return [Import(module, name, line, _target(module, name, names), is_string) for name, line, is_string in imports]


def _target(module: str, name: str, names: frozenset[str]) -> str:
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name if name.startswith("rltools.") and name != module else ""


@cache
def imports_of(root: Path, module: str) -> list[Import]:
    """Everything that a module of a checkout imports."""
    named = modules(root)
    return imports_in(module, tree_of(named[module]), frozenset(named))


def imports_between_rooms(root: Path) -> Iterator[Import]:
    """Imports of another room's modules."""
    for module in modules(root):
        for each in imports_of(root, module):
            if room_of(module) and each.target and room_of(each.target) != room_of(module):
                yield each


def is_private(module: str) -> bool:
    """Whether the name of a module, or of a folder in its room, begins with an underscore."""
    return any(part.startswith("_") for part in module.split(".")[2:])


def circles_of(root: Path) -> list[set[str]]:
    """Groups of modules that import each other, imports in functions and under TYPE_CHECKING counted.

    A string is no arrow, because it is loaded on first use; neither is the package itself, which lists public names.
    """
    return circles(
        {
            module: {each.target for each in imports_of(root, module) if each.target and not each.is_string}
            for module in modules(root)
            if module != "rltools"
        }
    )


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of a graph that have more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(component) > 1:
                components.append(component)

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return components


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module binds and every attribute that it sets, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
        elif isinstance(getattr(node, "name", None), str) and not isinstance(
            node, ast.alias
        ):  # functions, classes, ...
            yield node.lineno, node.name


def vague_names(path: Path) -> list[tuple[int, str]]:
    """Names in a file that say nothing of what they name, with their lines."""
    return [(line, name) for line, name in names_in(tree_of(path)) if name.strip("_") in VAGUE_NAMES]


def files_of_explain(root: Path) -> int:
    """How many files of the package are passed through while a recording is explained, in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{_EXPLAIN}"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return int(done.stdout.splitlines()[-1])


def main(root: Path) -> None:
    """Print the figures of a checkout."""
    named = modules(root)
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in named.values()]
    vague = [
        sum(len(vague_names(path)) for path in paths) for paths in (named.values(), (root / "tests").rglob("*.py"))
    ]
    private = {(each.module, each.target) for each in imports_between_rooms(root) if is_private(each.target)}
    print(f"files of rltools          {len(named)}")
    print(f"lines of rltools          {sum(lengths):,}")
    print(f"longest file              {max(lengths)} lines")
    print(f"rooms on the first level  {len({room_of(module) for module in named} - {''})}")
    print(f"private imports           {len(private)}")
    print(f"circles of imports        {len(circles_of(root))}")
    print(f"names that say nothing    {vague[0]} in rltools, {vague[1]} in tests")
    print(f"files that explain runs   {files_of_explain(root)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve())
