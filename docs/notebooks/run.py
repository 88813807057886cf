"""Run every notebook here and store its outputs, without times: `python docs/notebooks/run.py [NOTEBOOK ...]`.

It needs the extra `notebooks`.
"""

from __future__ import annotations

import base64
import json
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from episodes import note  # noqa: E402  (a script finds only what lies beside it)

# Run before and after the cells of a notebook, and not stored in it.
SETUP = f"""
import sys
sys.path.insert(0, {str(HERE.parent)!r})
import episodes
_watching = episodes.watched()
_digests = _watching.__enter__()
"""
DIGESTS = "import json; print(json.dumps(_digests()))"


def smaller(picture: str) -> str:
    """A base64 PNG without its alpha channel, which no figure uses, and compressed as far as possible."""
    file = BytesIO()
    with Image.open(BytesIO(base64.b64decode(picture))) as image:
        image.convert("RGB").save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run(path: Path) -> None:
    """Run a notebook in an empty folder, write it with its outputs, and store its digests."""
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    notebook.cells = [nbformat.v4.new_code_cell(SETUP), *cells, nbformat.v4.new_code_cell(DIGESTS)]
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    note(path.stem, json.loads(notebook.cells[-1].outputs[0].text))
    notebook.cells = cells
    _number(cells)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = {}, f"cell-{number}"
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                output.data["image/png"] = smaller(output.data["image/png"])
    nbformat.write(notebook, path)


def _number(cells: list[nbformat.NotebookNode]) -> None:
    """Number the code cells from 1."""
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number


if __name__ == "__main__":
    for notebook_path in sys.argv[1:] or sorted(map(str, HERE.glob("*.ipynb"))):
        run(Path(notebook_path))
