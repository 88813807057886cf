"""Puts a page and its replays into one file, by rewriting the tags of the page.

Pages mark elements that make sense only beside the other files of the folder with `data-single-file="omit"`, and say
with `<template data-single-file="replay" data-file="..." data-title="...">` where a replay stands in a single file.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from rltools._util.files import atomic_write, os_errors_as
from rltools.errors import ArgumentError

LIMIT = 18_000_000
"""Bytes: most mail carries 25 MB, and files grow by a third on the way."""
_SOURCE = re.compile(r"'none'|data:|blob:|'sha256-[A-Za-z0-9+/=]+'")
"""The sources that content security policies of this package allow, besides other files of the folder."""
_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
"""Elements without an end tag."""


def export_report(folder: str | Path, path: str | Path | None = None, *, limit: int = LIMIT) -> Path:
    """Write the page of a run or of an experiment, with its images and replays in it, as one file to send.

    Links to other files become plain text. Nothing outside the folder is read, and nothing in the new file is loaded
    from anywhere; its content security policy allows what the policies of its parts allow.

    Args:
        folder: the folder of a run or of an experiment, with an `index.html`.
        path: the path of the file; by default `report.html` in the folder.
        limit: the largest size in bytes, unless the page alone is larger; replays that do not fit are replaced by a
            note.

    Returns:
        The path.

    Raises:
        ArgumentError: there is no page in the folder.
        RecordingError: the folder cannot be read, or the file cannot be written.

    Example:
        >>> import rltools
        >>> analysis = rltools.analyze("cartpole-ppo", episodes=1, frames=False)
        >>> rltools.export_report(analysis.recording.directory, "cartpole.html")
        PosixPath('cartpole.html')
    """
    folder = Path(folder)
    index = folder / "index.html"
    if not index.is_file():
        raise ArgumentError(f"no page at {index}; `rltools analyze` and `rltools run` write one")
    path = folder / "report.html" if path is None else Path(path)
    with os_errors_as(folder):
        page = index.read_text(encoding="utf-8")
        replays = _Replays(folder, limit - len(page.encode()))
        replays.feed(page)
        replays.close()
        single = _SingleFile(replays)
        single.feed(page)
        single.close()
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(single.text().encode("utf-8", "replace"))
    return path


class _Rewriter(HTMLParser):
    """Reads a page and writes it again, tag by tag, as it was."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.write(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.write(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self.write(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.write(data)

    def handle_entityref(self, name: str) -> None:
        self.write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.write(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.write(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.write(f"<!{decl}>")


class _Replays(HTMLParser):
    """The replays that a page has a place for, as far as they fit.

    Args:
        folder: the folder of the page.
        room: how many bytes they may take.
    """

    def __init__(self, folder: Path, room: int) -> None:
        super().__init__()
        self._folder, self._room = folder, room
        self.pages: dict[str, str] = {}
        """The page of each replay by its file, as it is written into an attribute."""
        self.policies: list[str] = []
        self.notes: dict[str, str] = {}
        """Why a replay is not there, by its file."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag != "template" or attributes.get("data-single-file") != "replay":
            return
        file = str(attributes.get("data-file") or "")
        text = _page_in(self._folder, unquote(file))
        if text is None:
            self.notes[file] = "This replay no longer exists."
            return
        inside = text.replace("&", "&amp;").replace("'", "&#39;")
        size = len(inside.encode())
        if size > self._room:
            self.notes[file] = f"Left out of this file because of its size, {size / 1e6:.0f} MB."
            return
        self._room -= size
        self.pages[file] = inside
        self.policies.append(_policy_of(text))


class _SingleFile(_Rewriter):
    """Rewrites a page without links to its folder, and with its replays inside."""

    def __init__(self, replays: _Replays) -> None:
        super().__init__()
        self._replays = replays
        self._policies: list[str] = list(replays.policies)
        self._policy_index: int | None = None
        """Position in `parts` of the content security policy."""
        self._omitted: list[str] = []
        """The open tags within an omitted element, the outermost first."""
        self._links: list[bool] = []
        """Whether each open link is kept."""

    def text(self) -> str:
        """The page, with one content security policy for the page and its iframes."""
        if self._policy_index is not None:
            content = html.escape(joined(self._policies), quote=False)
            self.parts[self._policy_index] = f'<meta http-equiv="Content-Security-Policy" content="{content}">'
        return "".join(self.parts)

    def write(self, text: str) -> None:
        if not self._omitted:
            super().write(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if self._omitted or attributes.get("data-single-file") == "omit" or tag == "iframe":
            if tag not in _VOID:
                self._omitted.append(tag)
        elif tag == "template" and attributes.get("data-single-file") == "replay":
            self._write_replay(str(attributes.get("data-file") or ""), str(attributes.get("data-title") or ""))
        elif tag == "a":
            self._write_link(attrs)
        elif _is_policy(tag, attributes) and self._policy_index is None:
            self._policy_index = len(self.parts)
            self._policies.insert(0, str(attributes.get("content") or ""))
            super().handle_starttag(tag, attrs)
        else:
            super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._omitted:
            if tag in self._omitted:
                del self._omitted[len(self._omitted) - 1 - self._omitted[::-1].index(tag) :]
        elif tag != "a" or not self._links or self._links.pop():
            super().handle_endtag(tag)

    def _write_link(self, attrs: list[tuple[str, str | None]]) -> None:
        """Write a link within the page, or to a replay that is now within it; of others only the text stays."""
        address = str(dict(attrs).get("href") or "")
        file = address.partition("#")[0]
        inside = file in self._replays.pages
        self._links.append(inside or address.startswith("#"))
        if inside:
            others = [(name, value) for name, value in attrs if name != "href"]
            written = "".join(f' {name}="{html.escape(value or "")}"' for name, value in others)
            self.write(f'<a href="#{replay_id(file)}"{written}>')
        elif self._links[-1]:
            super().handle_starttag("a", attrs)

    def _write_replay(self, file: str, title: str) -> None:
        """Write a replay with its page inside, or a note; the end tag of its place is left out."""
        name, heading = html.escape(file), html.escape(title)
        if note := self._replays.notes.get(file):
            self.write(f'<p class="note">{note}</p>')
        else:
            self.write(
                f'<details class="replay" id="{replay_id(file)}" data-file="{name}"><summary>{heading}</summary>'
                f'<iframe srcdoc=\'{self._replays.pages[file]}\' title="{heading}" loading="lazy"></iframe></details>'
            )
        self._omitted.append("template")  # until its end tag


def replay_id(file: str) -> str:
    """The id of a replay within a page, by its file."""
    return f"replay-{html.escape(Path(file).stem)}"


class _FirstPolicy(HTMLParser):
    """The first content security policy of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.policy and _is_policy(tag, dict(attrs)):
            self.policy = str(dict(attrs).get("content") or "")


def _is_policy(tag: str, attributes: dict[str, str | None]) -> bool:
    return tag == "meta" and str(attributes.get("http-equiv", "")).lower() == "content-security-policy"


def _policy_of(page: str) -> str:
    """The content security policy in the head of a page; the head ends where its body begins."""
    parser = _FirstPolicy()
    parser.feed(page.partition("<body")[0])
    return parser.policy


def joined(policies: list[str]) -> str:
    """One content security policy that allows what several policies allow, except files beside the page.

    Pages within a page are bound by its policy too.

    >>> joined(["default-src 'none'; frame-src 'self'", "default-src 'none'; img-src data:; script-src https://x.org"])
    "default-src 'none'; img-src data:"
    """
    allowed: dict[str, dict[str, None]] = {}
    for directive in (part for policy in policies for part in policy.split(";") if part.strip()):
        name, *sources = directive.split()
        allowed.setdefault(name, {}).update(dict.fromkeys(filter(_SOURCE.fullmatch, sources)))
    directives = []
    for name, sources_of in allowed.items():
        sources = [source for source in sources_of if source != "'none'"] or [*sources_of]
        if sources:
            directives.append(f"{name} {' '.join(sources)}")
    return "; ".join(directives)


def _page_in(folder: Path, address: str) -> str | None:
    """The text of a page in a folder; None if there is no such page, or the address leads out of the folder."""
    path = (folder / address).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".html" or not path.is_file():
        return None
    return path.read_text(encoding="utf-8")
