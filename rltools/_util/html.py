"""The HTML that all pages share: a content security policy, escaped names, and no resources from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rltools._util.palette import palette_css

if TYPE_CHECKING:
    from markupsafe import Markup

FRAMES = "frame-src 'self' file:"
"""The directive for a page that embeds other pages of its folder, from disk or from a server."""


def security_policy(styles: Sequence[str], scripts: Sequence[str] = (), *further: str) -> str:
    """A content security policy that allows exactly these styles and scripts, by their hashes."""
    parts = ["default-src 'none'", "img-src data:", "font-src data:", "base-uri 'none'", "form-action 'none'"]
    parts += [f"style-src {_hashes(styles)}"] if styles else []
    parts += [f"script-src {_hashes(scripts)}"] if scripts else []
    return "; ".join([*parts, *further])


HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>"""


def head(title: str, style: str, scripts: Sequence[str] = (), directives: Sequence[str] = ()) -> Markup:
    """The part of a page before its body, with the palette, the font and a content security policy.

    Args:
        title: the title of the page, any text.
        style: the page's own style sheet; it may use the palette's custom properties and the font family "rltools".
        scripts: the scripts of the page, each exactly as it stands in its element.
        directives: further directives of the policy.
    """
    from markupsafe import Markup

    sheet = f"{theme_css()}\n{style}"
    policy = security_policy([sheet], scripts, *directives)
    return Markup(render(HEAD, title=title, style=Markup(sheet), policy=policy))  # noqa: S704


@cache
def theme_css() -> str:
    """The style sheet that all pages begin with: the palette and the font."""
    return "\n".join([re.sub(r"\n\s*", "\n", palette_css()), _TWINS, font_faces()])


_TWINS = """.on-dark { display: none; }
@media screen and (prefers-color-scheme: dark) {
:root:not([data-theme="light"]) .on-dark { display: inline; }
:root:not([data-theme="light"]) .on-light { display: none; }
}
@media screen {
:root[data-theme="dark"] .on-dark { display: inline; }
:root[data-theme="dark"] .on-light { display: none; }
}"""
"""Of two bitmaps, one for light and one for dark pages, one is shown."""


@cache
def font_faces() -> str:
    """The font as a style sheet, with its files in it."""
    return "\n".join(
        f'@font-face {{ font-family: "rltools"; font-weight: {weight}; font-display: block; '
        f'src: url({_font_data_url(name)}) format("woff2"); }}'
        for name, weight in (("regular", "100 549"), ("semibold", "550 900"))
    )


def _font_data_url(name: str) -> str:
    font = files("rltools._util").joinpath("font", f"{name}.woff2").read_bytes()
    return f"data:font/woff2;base64,{base64.b64encode(font).decode()}"


def render(template: str, **values: Any) -> str:
    """Fill a Jinja template; values are escaped unless they are Markup, and a missing value is an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(**values)


def image_data_url(image: bytes, kind: str = "png") -> str:
    """An encoded image as a `data:` URL."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _hashes(texts: Sequence[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)
