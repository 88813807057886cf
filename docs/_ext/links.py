"""The links of the finished site: each leads to a page, and to a place on it, that is there.

Sphinx warns of most broken references in sources; this reads what a reader gets: cards, HTML, pages that were made.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

TOP = {"", "top"}
"""Anchors that every page has."""
BACK = re.compile(
    r'(?P<before><div class="viewcode-block" id="(?P<name>[^"]+)">\s*<a class="viewcode-back" href=")'
    r'(?P<address>[^"#]*)#[^"]*"'
)


class Links(HTMLParser):
    """The addresses that a page refers to, and the names of its places."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to, and its own name."""
        for name, value in attrs:
            if name in ("href", "src") and value and tag != "link":
                self.addresses.add(value)
            elif (name == "id" or (name == "name" and tag == "a")) and value:
                self.places.add(value)


def broken(site: Path) -> list[str]:
    """What is wrong with the links of a folder of HTML pages, in words; outside addresses are not looked up.

    Args:
        site: the folder.
    """
    pages = {page.resolve(): Links(page) for page in sorted(site.rglob("*.html"))}
    faults = []
    for page, links in pages.items():
        for address in sorted(links.addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists():
                fault = "is not there"
            elif target in pages and unquote(parts.fragment) not in pages[target].places | TOP:
                fault = "has no such place"
            else:
                continue
            faults.append(f"{page.relative_to(site.resolve()).as_posix()} links to {address}, which {fault}")
    return faults


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn of each broken link of a complete site."""
    from sphinx.util.logging import getLogger

    if exception is None and app.builder.name == "html":
        for fault in broken(Path(app.outdir)):
            getLogger(__name__).warning(fault)


def without_missing_sources(app: Sphinx, env: BuildEnvironment) -> None:
    """Take modules without a page of their source from the list of sources."""
    sources = getattr(env, "_viewcode_modules", {})
    for module in [module for module, entry in sources.items() if not entry]:
        del sources[module]


def to_the_right_place(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Lead from a source to where it is described: viewcode takes one public module for all of a private one."""
    if not page.startswith("_modules/"):
        return
    described = app.env.domains.python_domain.objects

    def corrected(match: re.Match[str]) -> str:
        document, end = match["address"].lstrip("./").removesuffix(".html"), f".{match['name']}"
        places = [name for name, entry in described.items() if entry.docname == document and name.endswith(end)]
        return f'{match["before"]}{match["address"]}#{places[0]}"' if places else match[0]

    context["body"] = BACK.sub(corrected, context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the end of the build."""
    app.connect("env-updated", without_missing_sources)
    app.connect("html-page-context", to_the_right_place)
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
