"""Joins the page's ES modules into one script, so that a page opened from disk has nothing to load."""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(
    r'^import \{\s*([\w$]+(?:,\s*[\w$]+)*),?\s*\} from "(?:\./|\.\./\.\./\w+/page/)(\w+)\.js";$', re.MULTILINE
)
"""Of a module beside this one, or of another page's; no two of them have the same name."""
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) ([\w$]+))", re.MULTILINE)
_UNREADABLE = re.compile(r"^\s*(?:import|export)\b.*|.*\bimport\s*[(.].*", re.MULTILINE)
_SPARE = re.compile(r"^ *//.*\n|^ +|^\n| // [^\"'`\n]*$", re.MULTILINE)
"""Comments, indentation and empty lines. A comment with a quote may be part of a string, and stays."""


def inlined(entry: str, read: Callable[[str], str]) -> str:
    r"""A script that does what the module `entry` does, and contains all modules that it imports.

    Each module becomes a function that is called once and returns the exports, so that names of different modules
    cannot clash. Modules come after those that they import. Comments and indentation are left out.

    Args:
        entry: the name of the first module, without ".js".
        read: returns the text of a module by its name.

    Raises:
        ValueError: a module imports or exports in another form than `import { a, b } from "./other.js";` and
            `export function`, `export const` or `export class` at the start of a line; imports what the other module
            does not export; or imports itself through others.

    Example:
        >>> texts = {
        ...     "page": 'import { double } from "./numbers.js";\ndouble(2);\n',
        ...     "numbers": "export function double(x) {\n  return 2 * x;\n}\n",
        ... }
        >>> print(inlined("page", texts.__getitem__))
        (() => {
        "use strict";
        const m = {};
        m.numbers = (() => {
        function double(x) {
        return 2 * x;
        }
        return {double};
        })();
        m.page = (() => {
        const {double} = m.numbers;
        double(2);
        return {};
        })();
        })();
    """
    functions: dict[str, str] = {}
    exports: dict[str, list[str]] = {}

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            circle = " -> ".join(f"{module}.js" for module in (*importers[importers.index(name) :], name))
            raise ValueError(f"{circle} is a circle of imports; move what these modules share into one of its own")
        if name in functions:
            return
        text = read(name)
        for names, module in _IMPORT.findall(text):
            add(module, (*importers, name))
            missing = sorted(set(_names(names)) - set(exports[module]))
            if missing:
                raise ValueError(f"{name}.js imports {', '.join(missing)}, which {module}.js does not export")
        exports[name] = _EXPORT.findall(text)
        functions[name] = _function(name, text, exports[name])

    add(entry, ())
    return "\n".join(['(() => {\n"use strict";\nconst m = {};', *functions.values(), "})();"])


def _names(names: str) -> list[str]:
    return re.split(r",\s*", names)


def _function(name: str, text: str, exports: list[str]) -> str:
    body = _IMPORT.sub(lambda match: f"const {{{','.join(_names(match[1]))}}} = m.{match[2]};", text)
    body = _SPARE.sub("", _EXPORT.sub("", body)).strip()
    unreadable = _UNREADABLE.search(body)
    if unreadable:
        raise ValueError(
            f'{name}.js has the line {unreadable[0].strip()!r}; write `import {{ name }} from "./other.js";`, or '
            "`export` before a function, const or class"
        )
    for line in body.splitlines():
        if line.count("`") % 2:  # indentation inside a string is part of it
            raise ValueError(f"{name}.js has the line {line!r}; a template string must end on its line")
    return f"m.{name} = (() => {{\n{body}\nreturn {{{','.join(exports)}}};\n}})();"
