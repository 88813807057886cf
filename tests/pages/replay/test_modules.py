"""The ES modules of the page, and how they become the one script that a page has inside; likewise its styles."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from rltools.pages.replay._script import inlined
from rltools.pages.replay.page import _STYLES, _part, _script, _style

PAGE = files("rltools.pages.replay").joinpath("page")
TEXTS = {Path(entry.name).stem: entry.read_text("utf-8") for entry in PAGE.iterdir() if entry.name.endswith(".js")}
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def imports(text: str) -> dict[str, list[str]]:
    """The names that a module imports, by module."""
    statements = re.findall(r'^import\s*\{([^}]*)\}\s*from\s*"\./(\w+)\.js"', text, re.MULTILINE)
    return {module: re.findall(r"[\w$]+", names) for names, module in statements}


def exports(text: str) -> list[str]:
    return re.findall(r"^export\s+(?:function|const|class)\s+([\w$]+)", text, re.MULTILINE)


def order(script: str) -> list[str]:
    return re.findall(r"^m\.(\w+) = ", script, re.MULTILINE)


def node(*arguments: str) -> str:
    assert NODE is not None
    finished = subprocess.run([NODE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@needs_node
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_node_reads_each_module(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.mjs").write_text(TEXTS[name], "utf-8")
    node("--check", str(tmp_path / f"{name}.mjs"))


@needs_node
def test_node_reads_the_script_of_a_page(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text(_script(), "utf-8")
    node("--check", str(tmp_path / "page.js"))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_module_imports_what_others_export_and_uses_it(name: str) -> None:
    body = re.sub(r"^import\s*\{[^}]*\}.*$|^\s*//.*$", "", TEXTS[name], flags=re.MULTILINE)
    assert not re.search(r"^\s*import\b", body, re.MULTILINE)
    for module, names in imports(TEXTS[name]).items():
        assert set(names) <= set(exports(TEXTS[module]))
        for imported in names:
            assert re.search(rf"(?<![\w$]){re.escape(imported)}(?![\w$])", body), f"{imported} is not used"


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_what_a_module_exports_is_imported_somewhere(name: str) -> None:
    imported = {each for text in TEXTS.values() for each in imports(text).get(name, [])}
    assert set(exports(TEXTS[name])) == imported


def test_a_page_has_all_modules_each_after_those_it_imports() -> None:
    names = order(_script())
    assert sorted(names) == sorted(TEXTS)
    for name in names:
        assert all(names.index(module) < names.index(name) for module in imports(TEXTS[name])), name


def test_the_order_comes_from_the_imports() -> None:
    texts = {
        "page": 'import { b } from "./alpha.js";\nimport { c } from "./zeta.js";\nb(c);\n',
        "alpha": 'import {\n  c,\n  d,\n} from "./zeta.js";\nexport function b() {\n  return c + d;\n}\n',
        "zeta": "export const c = 1;\nexport const d = 2;\n",
        "stray": "",
    }
    script = inlined("page", texts.__getitem__)
    assert order(script) == ["zeta", "alpha", "page"]
    assert "import" not in script
    assert "export" not in script


@needs_node
def test_names_of_different_modules_do_not_clash() -> None:
    texts = {
        "page": 'import { sum } from "./sums.js";\nimport { Product } from "./products.js";\n'
        "const start = 10;\nconsole.log(sum(1, 2), new Product(3).value, start);\n",
        "sums": "const start = 100; // of the sum\nfunction add(x, y) {\n  return x + y;\n}\n"
        "export function sum(x, y) {\n  return start + add(x, y);\n}\n",
        "products": 'const start = " // 5";\nfunction add(x) {\n  return x + start;\n}\n'
        "export class Product {\n  constructor(x) {\n    this.value = add(x);\n  }\n}\n",
    }
    assert node("--eval", inlined("page", texts.__getitem__)) == "103 3 // 5 10\n"


def test_a_circle_of_imports_is_refused() -> None:
    texts = {
        "page": 'import { a } from "./a.js";\n',
        "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b": 'import { a } from "./a.js";\nexport const b = 1;\n',
    }
    with pytest.raises(ValueError, match=r"^a\.js -> b\.js -> a\.js is a circle of imports"):
        inlined("page", texts.__getitem__)


def test_an_import_of_what_is_not_exported_is_refused() -> None:
    texts = {"page": 'import { a, b, c } from "./a.js";\n', "a": "export const a = 1;\nconst b = 2;\n"}
    with pytest.raises(ValueError, match=r"page\.js imports b, c, which a\.js does not export"):
        inlined("page", texts.__getitem__)


@pytest.mark.parametrize(
    "line",
    [
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        'import { a as b } from "./a.js";',
        "import { a } from './a.js';",
        'import { a } from "a.js";',
        'import { a } from "https://example.org/a.js";',
        'import "./a.js";',
        'const a = await import("./a.js");',
        "const address = import.meta.url;",
        "export default function a() {}",
        "export { a };",
        "export let a = 1;",
        "export const { a } = b;",
        'export * from "./a.js";',
    ],
)
def test_other_forms_of_import_and_export_are_refused(line: str) -> None:
    texts = {"page": f"const first = 1;\n{line}\n", "a": "export const a = 1;\n"}
    with pytest.raises(ValueError, match=re.escape(f"page.js has the line {line!r}")):
        inlined("page", texts.__getitem__)


def test_a_template_string_over_several_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="a template string must end on its line"):
        inlined("page", {"page": "const text = `first\n  second`;\n"}.__getitem__)


def test_the_style_of_a_page_differs_from_its_sheets_in_spaces_alone() -> None:
    sheets = "\n".join(map(_part, _STYLES))
    assert len(_style()) < len(sheets)
    assert "".join(_style().split()) == "".join(sheets.split())
    assert ".row:hover .feature,.row.pointed .feature{" in _style()  # spaces inside a selector stay
