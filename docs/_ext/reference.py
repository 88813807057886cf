"""Pages made from the package before the site is built: the API by modules, how to extend it, and `listings.py`.

Nothing is listed by hand: a public name, a command or a method that is added has its place on the next build.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rltools

sys.path.insert(0, str(Path(__file__).parent))

import listings
from outside import inside

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
PLACE = DOCS / "reference"
LOADING = """```
rltools inspect FILE                      # what is in it, and what has to be given
rltools analyze FILE --env ENVIRONMENT    # the page; a folder where the library writes folders
```

In a script it is `rltools.load_policy("FILE", "ENVIRONMENT")`. [What no file says](libraries.md#what-no-file-says): the
activation between layers, how observations were normalized, and how to check the rebuilt network against your own.
"""
"""What the page of each library ends with; links are relative to the page of all libraries."""
API = """# API reference

Everything public, made from its docstrings, whose examples are run by the tests. Most scripts need the first module
only: `import rltools`. The others are for extensions, and for parts of the whole.

"""
CONTRACTS = (
    *(
        "rltools.errors",
        "rltools.policies.base",
        "rltools.policies.context",
        "rltools.policies.decide",
        "rltools.policies.library",
    ),
    *(f"rltools.policies.saved.{name}" for name in ("layout", "networks", "rebuilt", "spaces")),
    *(f"rltools.plots.drawing.{name}" for name in ("alt", "colors", "quantities", "style")),
)
"""Modules without a list of names that extensions build on; see CONTRIBUTING."""


def public_names() -> dict[str, list[str]]:
    """Every public module with a list of names, and the names: those of `__all__`."""
    modules = {"rltools": list(rltools.__all__)}
    for module in pkgutil.walk_packages(rltools.__path__, "rltools."):
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        names = getattr(importlib.import_module(module.name), "__all__", None)
        if names is None and module.name in CONTRACTS:
            names = _defined(module.name)
        if names:
            modules[module.name] = list(names)
    return modules


def _defined(module: str) -> list[str]:
    """The public classes and functions that a module defines."""
    names = _comments(module).keys() | {
        name
        for name, thing in vars(importlib.import_module(module)).items()
        if getattr(thing, "__module__", "") == module
    }
    return sorted(name for name in names if not name.startswith("_"))


def _comments(module: str) -> dict[str, str]:
    """The constants and aliases of a module that have a text below them, and the texts."""
    texts = {}
    for node, after in pairwise(ast.parse(inspect.getsource(importlib.import_module(module))).body):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        text = after.value if isinstance(after, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            texts[target.id] = inspect.cleandoc(text.value)
    return texts


def described_names() -> set[str]:
    """Every name that a page of the reference describes, with its module."""
    return {name for text in _api().values() for name in re.findall(r"^\.\. \S+:: (\S+)$", text, re.MULTILINE)}


def pages() -> dict[str, str]:
    """The text of every page of the reference, by its name."""
    return {
        **_api(),
        "commands": listings.commands(),
        "methods": listings.methods(),
        "plots": listings.plots(),
        "glossary": listings.glossary(),
        **_how_to(),
    }


def _api() -> dict[str, str]:
    modules = public_names()
    texts: dict[str, str] = {}
    described: dict[str, str] = {}
    for module, names in modules.items():
        texts[f"api/{module}"] = _module_page(module, names, described)
    listed = "\n".join(f"api/{module}" for module in modules)
    rows = "\n".join(f"| [{module}](api/{module}.md) | {_first_line(module)} |" for module in modules)
    texts["api"] = f"{API}| module | what is in it |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"
    return texts


def _first_line(module: str) -> str:
    """What a module is, in a sentence."""
    return (importlib.import_module(module).__doc__ or "").strip().partition("\n")[0].replace("|", "\\|")


def _module_page(name: str, names: list[str], described: dict[str, str]) -> str:
    module = importlib.import_module(name)
    introduction = _introduction(inspect.cleandoc(module.__doc__ or "").partition("\n>>>")[0])
    parts = []
    summarized = []
    for public in sorted(names, key=str.lower):
        thing = getattr(module, public)
        if inspect.ismodule(thing) or described.setdefault(identity(thing, f"{name}.{public}"), name) != name:
            continue  # a name is described in one place
        if inspect.isclass(thing) or inspect.isroutine(thing):
            (first_line,) = _rest_lines([(inspect.getdoc(thing) or "").partition("\n")[0]])
            summarized.append(f"   * - :py:obj:`{name}.{public}`\n     - {first_line}\n")
            parts.append(f"```{{eval-rst}}\n.. {_directive(thing)}:: {name}.{public}\n```\n")
        else:
            text = textwrap.indent(_comment(name, public), "   ")
            parts.append(f"```{{eval-rst}}\n.. py:data:: {name}.{public}\n\n{text}\n```\n")
    table = f"```{{eval-rst}}\n.. list-table::\n\n{''.join(summarized)}```\n" if summarized else ""
    return "\n".join([f"# {name}\n\n{introduction}\n", table, *parts])


def _introduction(docstring: str) -> str:
    """The paragraphs for who uses a module; others are for who reads its code, and name files of it."""
    return "\n\n".join(text for text in docstring.split("\n\n") if not re.search(r"\.py`|`_|May import|Read `", text))


def identity(thing: Any, name: str) -> str:
    """Where a class or a function was defined; the name itself for plain values."""
    return f"{thing.__module__}.{thing.__qualname__}" if inspect.isroutine(thing) or inspect.isclass(thing) else name


def _directive(thing: Any) -> str:
    if inspect.isclass(thing):
        return "autoexception" if issubclass(thing, BaseException) else "autoclass"
    return "autofunction"


def _comment(module: str, name: str) -> str:
    """The text below a constant or an alias, in whichever module of the room defines it."""
    package = importlib.import_module(module)
    inside = pkgutil.walk_packages(getattr(package, "__path__", ()), f"{module}.")
    texts = (_comments(candidate).get(name) for candidate in [module, *(found.name for found in inside)])
    return "\n".join(_rest_lines((next(filter(None, texts), "")).splitlines()))


def _how_to() -> dict[str, str]:
    """A page for each extension point and each library: the sections of CONTRIBUTING and of the page of libraries."""
    texts = {}
    for title, source, chapter, end in (
        ("Extend rltools", DOCS.parent / "CONTRIBUTING.md", "Adding something", ""),
        ("Agents of a library", DOCS / "libraries.md", "Libraries", LOADING),
    ):
        slug = title.lower().replace(" ", "-")
        page = source.read_text(encoding="utf-8")
        sections = _sections(page)
        for heading, text in sections.items():
            place = PLACE / slug / f"{_slug(heading)}.md"
            texts[f"{slug}/{_slug(heading)}"] = inside(f"# {heading}\n{text}\n{end}", source.parent, place)
        lead = inside(_lead(page, chapter), source.parent, PLACE / f"{slug}.md")
        for heading in sections:
            lead = lead.replace(f"](#{_anchor(heading)})", f"]({slug}/{_slug(heading)}.md)")
        listed = "\n".join(f"{slug}/{_slug(heading)}" for heading in sections)
        texts[slug] = f"# {title}\n\n{lead}\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"
    return texts


def _sections(page: str) -> dict[str, str]:
    """The sections of the third level of a page, by their headings."""
    parts = re.split(r"^(#{2,3}) (.+)$", page, flags=re.MULTILINE)[1:]
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {heading: text for level, heading, text in triples if level == "###"}


def _lead(page: str, chapter: str) -> str:
    """What a chapter of the second level begins with, before its first section."""
    return re.split(r"^#{2,3} ", page.partition(f"\n## {chapter}\n")[2], maxsplit=1, flags=re.MULTILINE)[0].strip()


def _anchor(heading: str) -> str:
    """The name of a heading's place, as a forge and MyST make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def write(app: Sphinx) -> None:
    """Write the pages that changed."""
    for name, text in pages().items():
        path = PLACE / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def as_rest(app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn the Markdown of docstrings into reStructuredText."""
    lines[:] = _rest_lines(lines)


def short_signature(
    app: Sphinx, kind: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Aliases of types by their names, and nothing for a protocol, which nobody calls."""
    if getattr(thing, "_is_protocol", False):
        return "", None
    return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (signature, returned))


def _rest_lines(markdown: list[str]) -> list[str]:
    """Code between single backticks as between two, and plain bars escaped; examples are left alone."""
    lines, code = list(markdown), False
    for number, line in enumerate(lines):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if not code:
            parts = line.split("`")
            if len(parts) % 2:  # an odd number of backticks is of a text over two lines
                parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
                line = "``".join(parts)  # noqa: PLW2901
            lines[number] = line
    return lines


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    from sphinx.domains.python import PyObject

    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", as_rest)
    app.connect("autodoc-process-signature", short_signature)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"  # as docstrings call them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
