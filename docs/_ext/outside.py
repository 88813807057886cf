"""What a forge shows otherwise than the site: links to files outside the documentation, and pictures for dark pages.

Links to files that are also pages of the site lead there, others become text. The pages are the same Markdown that a
forge shows, where such links lead to the files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1].resolve()
ALSO_PAGES = {
    "experiments/README.md": "experiments.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files of the repository that are pages of the site, by including them."""
_PICTURE = re.compile(r'<picture><source media="[^"]*" srcset="([^"]+)"><img alt="([^"]*)" src="([^"]+)"></picture>')
_LINK = re.compile(r"(!?)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def inside(text: str, folder: Path, page: Path) -> str:
    """The text of a page with links that stay inside the site.

    Args:
        text: Markdown.
        folder: of the file that it stands in, to which its links are relative.
        page: of the site, to which links will be relative.
    """

    def replaced(match: re.Match[str]) -> str:
        mark, words, address, anchor = match[1], match[2], match[3], match[4] or ""
        if "://" in address or address.startswith("mailto:"):
            return match[0]
        target = (folder / address).resolve()
        name = target.relative_to(DOCS.parent).as_posix() if target.is_relative_to(DOCS.parent) else ""
        if name in ALSO_PAGES:
            target = DOCS / ALSO_PAGES[name]
        if not target.is_relative_to(DOCS) or not target.is_file():
            return words
        return f"{mark}[{words}]({Path(os.path.relpath(target, page.parent)).as_posix()}{anchor})"

    return _LINK.sub(replaced, text)


def in_both_colors(text: str) -> str:
    """The text of a page with each picture as two images, of which the theme shows the light or the dark one."""
    return _PICTURE.sub(
        lambda match: image(match[3], match[2], "only-light") + image(match[1], match[2], "only-dark"), text
    )


def image(address: str, alt: str, kind: str) -> str:
    """An image as MyST writes it, of a class."""
    return f"```{{image}} {address}\n:alt: {alt}\n:class: {kind}\n```\n\n"


def _of_page(app: Sphinx, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md":
        source[0] = in_both_colors(inside(source[0], page.parent, page))


def _of_included(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    if path.suffix == ".md":
        content[0] = inside(content[0], (DOCS / path).resolve().parent, Path(app.env.doc2path(parent)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("source-read", _of_page)
    app.connect("include-read", _of_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
