"""Tutorials: their plots in both themes, and each page as a notebook to download.

A tutorial and its notebook are one text, run once by the build, so that they cannot differ.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from PIL import Image
from sphinx.addnodes import download_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EARLY = 400
"""Before Sphinx collects the files that pages offer."""
IMAGE = re.compile(r"```\{image\} (?P<address>\S+)\n:alt: (?P<alt>.*)\n:class: (?P<kind>\S+)\n```\n\n?")
"""An image as `outside.py` writes it."""
KERNEL = Path(__file__).with_name("kernel.py")
DOTS_PER_PIXEL = 1.6
"""Plots are drawn finer than they are shown, for screens of a high resolution."""


def texts(picture: Path | io.BytesIO) -> dict[str, str]:
    """What `kernel.py` wrote into a picture: that it is for a dark page, and what is to be seen."""
    with Image.open(picture) as image:
        return {str(key): str(text) for key, text in image.info.items()}


def in_both_themes(app: Sphinx, page: nodes.document) -> None:
    """Show of each plot the picture that the theme calls for, at the size it is meant for."""
    for cell in page.findall(lambda node: isinstance(node, nodes.container) and "cell_output" in node["classes"]):
        images = [image for image in cell.findall(nodes.image) if image["uri"].endswith(".png")]
        paths = [Path(app.srcdir, image["uri"].lstrip("/")) for image in images]
        written = [texts(path) for path in paths]
        description = next((words["Description"] for words in written if "Description" in words), "")
        for image, path, words in zip(images, paths, written, strict=True):
            with Image.open(path) as picture:
                image["width"] = f"{round(picture.width / DOTS_PER_PIXEL)}px"
            image["alt"] = description
            if description:
                image["classes"].append("only-dark" if words.get("Comment") == "dark" else "only-light")


def offer(app: Sphinx, page: nodes.document) -> None:
    """Put the link to the notebook below the title of a page that was executed."""
    notebook = Path(app.env.mystnb_config.output_folder, f"{app.env.docname}.ipynb")
    title = next(page.findall(nodes.title), None)
    if app.env.docname.startswith("tutorials/") and notebook.is_file() and title is not None:
        _for_notebooks(notebook, Path(app.env.doc2path(app.env.docname)))
        address = "/" + os.path.relpath(notebook, app.srcdir).replace(os.sep, "/")
        link = download_reference("", "Download this page as a notebook", reftarget=address)
        title.parent.insert(1, nodes.paragraph("", "", link, classes=["notebook"]))


def _for_notebooks(notebook: Path, page: Path) -> None:
    """Write the notebook as Jupyter shows it: each plot once, and the pictures of the text within the file."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [output for output in cell["outputs"] if not _shows_dark(output)]
        elif cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            cell["source"] = IMAGE.sub(lambda match: _embedded(match, page.parent), text).splitlines(keepends=True)
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _embedded(match: re.Match[str], folder: Path) -> str:
    if match["kind"] == "only-dark":
        return ""
    data = base64.b64encode((folder / match["address"]).read_bytes()).decode()
    return f"![{match['alt']}](data:image/png;base64,{data})\n\n"


def _shows_dark(output: dict[str, Any]) -> bool:
    picture = output.get("data", {}).get("image/png")
    return picture is not None and texts(io.BytesIO(base64.b64decode("".join(picture)))).get("Comment") == "dark"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build, and have the kernels of tutorials draw each plot for both themes."""
    os.environ["PYTHONSTARTUP"] = str(KERNEL)
    app.connect("doctree-read", in_both_themes, priority=EARLY)
    app.connect("doctree-read", offer, priority=EARLY)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
