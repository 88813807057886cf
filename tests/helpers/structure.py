"""The structure of the package in figures: `python tests/helpers/structure.py [CHECKOUT]`, of this checkout by default.

Prints how many files and lines there are, imports of other rooms' private modules, circles of imports, names that
say nothing, and the files that a recording passes through in `explain`. It reads syntax trees and runs one `explain`
in a process of its own, so that any two checkouts can be compared.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SAY_NOTHING = frozenset(["found", "said", "asked", "one", "at", "of", "known", "shown", "given", "kept", "there"])
"""Names that tell a reader nothing of what they hold."""

_TRACED = """
import sys, tempfile, rltools
policy = rltools.load_policy("cartpole-ppo")
recording = rltools.record(policy, episodes=2, max_steps=50, directory=tempfile.mkdtemp() + "/run")
rltools.explain(recording, policy, method="gradient", target="logit:chosen")
files = set()
sys.setprofile(lambda frame, event, arg: files.add(frame.f_code.co_filename))
rltools.explain(recording, policy, method="gradient", target="centered:all" if {new} else "centred:all")
sys.setprofile(None)
print(sum("/rltools/" in name and name.endswith(".py") for name in files))
"""


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package in a checkout, by its name."""
    named = {}
    for path in sorted((root / "rltools").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def room_of(module: str) -> str:
    """The folder on the first level that a module lies in, or its own name there; "" of the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports(module: str, named: dict[str, Path]) -> Iterator[tuple[str, bool]]:
    """The modules of the package that a module imports anywhere, and whether it does so by a string."""
    tree = ast.parse(named[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        targets: list[str] = []
        by_string = False
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A whole text that is the path of a module, as `import_module` and entry points take it.
            targets, by_string = (
                [node.value.replace(":", ".")] * bool(re.fullmatch(r"rltools(\.\w+)+(:\w+)?", node.value)),
                True,
            )
        for target in targets:
            while target not in named and "." in target:
                target = target.rpartition(".")[0]
            if target in named and target not in ("rltools", module):
                yield target, by_string


def private_imports(named: dict[str, Path]) -> list[tuple[str, str]]:
    """Imports of another room's private module."""
    return sorted(
        {
            (module, target)
            for module in named
            for target, _ in imports(module, named)
            if room_of(module) not in ("", room_of(target))
            and any(part.startswith("_") for part in target.split(".")[2:])
        }
    )


def circles(named: dict[str, Path]) -> list[list[str]]:
    """Groups of modules that import each other, imports in functions and for type checkers counted (Tarjan 1972)."""
    edges = {module: {target for target, by_string in imports(module, named) if not by_string} for module in named}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in edges[module]:
            if target not in order:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], order[target])
        if low[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in named:
        if module not in order:
            visit(module)
    return groups


def names_that_say_nothing(path: Path) -> list[tuple[int, str]]:
    """Variables, arguments, attributes, functions and classes of such a name, with their lines."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = ""
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = node.name
        if name in SAY_NOTHING:
            lines.append((node.lineno, name))
    return lines


def files_of_explain(root: Path) -> int:
    """How many files of the package are passed through while a recording is explained."""
    new = (root / "rltools" / "_util").is_dir()
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{_TRACED.replace('{new}', str(new))}"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return int(result.stdout.splitlines()[-1])


def main(root: Path) -> None:
    """Print the figures of a checkout."""
    named = modules(root)
    texts = [path.read_text(encoding="utf-8") for path in named.values()]
    tests = sorted((root / "tests").rglob("*.py"))
    print(f"files of rltools          {len(named)}")
    print(f"lines of rltools          {sum(len(text.splitlines()) for text in texts):,}")
    print(f"longest file              {max(len(text.splitlines()) for text in texts)} lines")
    print(f"rooms on the first level  {len({room_of(module) for module in named} - {''})}")
    print(f"private imports           {len(private_imports(named))}")
    print(f"circles of imports        {len(circles(named))}")
    print(
        f"names that say nothing    {sum(len(names_that_say_nothing(path)) for path in named.values())} in rltools, ",
        end="",
    )
    print(f"{sum(len(names_that_say_nothing(path)) for path in tests)} in tests")
    print(f"files that explain runs   {files_of_explain(root)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve())
