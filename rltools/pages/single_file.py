"""A page and its replays as one file."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import unquote

from rltools._util.files import atomic_write, os_errors_as
from rltools.errors import ArgumentError

LIMIT = 18_000_000
"""Bytes: most mail carries 25 MB, and files grow by a third on the way."""
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_FRAME = re.compile(r'<iframe src="([^"]*)" title="([^"]*)" loading="lazy"></iframe>')
_BESIDE = re.compile(r'<(p|span) class="beside">.*?</\1>', re.DOTALL)
_LINK = re.compile(r'<a href="(?!#)[^"]*">(.*?)</a>', re.DOTALL)
_SOURCE = re.compile(r"'none'|data:|blob:|'sha256-[A-Za-z0-9+/=]+'")
"""All that a policy of this package allows besides other files of the folder."""


def export_report(folder: str | Path, path: str | Path | None = None, *, limit: int = LIMIT) -> Path:
    """Write the page of a run or of an experiment, with its pictures and replays in it, as one file to send.

    Links to other files become plain text. Nothing outside the folder is read, and nothing in the new file is loaded
    from anywhere; its content security policy allows what those of its parts do.

    Args:
        folder: of a run or of an experiment, with an `index.html`.
        path: of the file; by default `report.html` in the folder.
        limit: so many bytes at most, if the page alone is not larger; replays that do not fit are left out, and the
            page says so in their place.

    Returns:
        The path.

    Raises:
        ArgumentError: there is no page in the folder.
        RecordingError: the folder cannot be read, or the file not written.

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
        page = _LINK.sub(r"\1", _BESIDE.sub("", index.read_text(encoding="utf-8")))
        policies = _POLICY.findall(page)[:1]
        room = limit - len(page.encode())

        def put_in(frame: re.Match[str]) -> str:
            nonlocal room
            text = _page_in(folder, unquote(html.unescape(frame[1])))
            if text is None:
                return '<p class="note">This replay is not there any more.</p>'
            inside = text.replace("&", "&amp;").replace("'", "&#39;")
            size = len(inside.encode())
            if size > room:
                return f'<p class="note">Left out of this file, because it has {size / 1e6:.0f} MB.</p>'
            room -= size
            policies.extend(_POLICY.findall(text)[:1])
            return f'<iframe srcdoc=\'{inside}\' title="{frame[2]}" loading="lazy"></iframe>'

        whole = _FRAME.sub(put_in, page)
        policy = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(joined(policies), quote=False)}">'
        # Only the first one: those of the replays are texts within attributes.
        whole = _POLICY.sub(lambda _: policy, whole, count=1)
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(whole.encode("utf-8", "replace"))
    return path


def joined(policies: list[str]) -> str:
    """One content security policy that allows what each of several does, but for files beside the page.

    Pages within a page are bound by its policy too.

    >>> joined(["default-src 'none'; frame-src 'self'", "default-src 'none'; img-src data:; script-src https://x.org"])
    "default-src 'none'; img-src data:"
    """
    allowed: dict[str, dict[str, None]] = {}
    for directive in (part for policy in policies for part in html.unescape(policy).split(";") if part.strip()):
        name, *sources = directive.split()
        allowed.setdefault(name, {}).update(dict.fromkeys(filter(_SOURCE.fullmatch, sources)))
    kept = {name: [one for one in found if one != "'none'"] or [*found] for name, found in allowed.items() if found}
    return "; ".join(f"{name} {' '.join(found)}" for name, found in kept.items())


def _page_in(folder: Path, address: str) -> str | None:
    """The text of a page in a folder, None where there is none or where the address leads out of it."""
    path = (folder / address).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".html" or not path.is_file():
        return None
    return path.read_text(encoding="utf-8")
