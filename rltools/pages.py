"""What every page has in common: nothing is loaded, nothing runs but the package's own text, names are escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

FRAMES = "frame-src 'self' file:"
"""For a page that shows other pages of its folder, from disk or from a server."""


def security_policy(styles: Sequence[str], scripts: Sequence[str] = (), *further: str) -> str:
    """A content security policy under which exactly these texts count as styles and scripts."""
    parts = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    parts += [f"style-src {_hashes(styles)}"] if styles else []
    parts += [f"script-src {_hashes(scripts)}"] if scripts else []
    return "; ".join([*parts, *further])


def render(template: str, **values: Any) -> str:
    """Fill a Jinja template; every value is escaped unless it is Markup, and a missing one is an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(**values)


def image_address(picture: bytes, kind: str = "png") -> str:
    """A picture as an address that carries it."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _hashes(texts: Sequence[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)
