"""Tutorials as notebooks: each page offers itself, with the outputs that it shows, as a file to download.

A tutorial and its notebook are one text, run once by the build, so that they cannot differ.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import download_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EARLY = 400
"""Before Sphinx collects the files that pages offer."""


def offer(app: Sphinx, page: nodes.document) -> None:
    """Put the link below the title of a page that was executed."""
    notebook = Path(app.env.mystnb_config.output_folder, f"{app.env.docname}.ipynb")
    title = next(page.findall(nodes.title), None)
    if app.env.docname.startswith("tutorials/") and notebook.is_file() and title is not None:
        address = "/" + os.path.relpath(notebook, app.srcdir).replace(os.sep, "/")
        link = download_reference("", "Download this page as a notebook", reftarget=address)
        title.parent.insert(1, nodes.paragraph("", "", link, classes=["notebook"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("doctree-read", offer, priority=EARLY)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
