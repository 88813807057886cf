"""Runs every notebook here anew and keeps what it shows, without times: `python docs/notebooks/run.py`.

It needs the extra `notebooks`.
"""

from __future__ import annotations

import base64
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent


def smaller(picture: str) -> str:
    """A PNG, base64, without transparency, which nothing in it has, and packed as tightly as can be."""
    file = BytesIO()
    with Image.open(BytesIO(base64.b64decode(picture))) as given:
        given.convert("RGB").save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run(path: Path) -> None:
    """Run a notebook in an empty folder, and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = {}, f"cell-{number}"
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                output.data["image/png"] = smaller(output.data["image/png"])
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for given in sys.argv[1:] or sorted(map(str, HERE.glob("*.ipynb"))):
        run(Path(given))
