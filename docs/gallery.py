"""Make the gallery from the docstrings of the plots: `python docs/gallery.py [NAME [PICTURE]]`.

With the name of a plot it runs the example of its docstring and saves the figure of its `axes` as `gallery/NAME.png`.
Always it writes `gallery/README.md`: the docstring's summary, the caption, the example and the picture of every plot.
"""

import doctest
import inspect
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import rltools

GALLERY = Path(__file__).parent / "gallery"
INTRODUCTION = """# Gallery

Every plot is `rltools.plots.<name>(recording, *, axes=None, method=None, target=None, ...)` and returns matplotlib
axes; those of what the agent needs draw an ablation, and have `ablation=None` in place of method and target.
`rltools plot RUN <name>` draws a plot from the command line. Orange pushes a score up, purple down, and white is zero;
actions have colors of their own, features are told apart by position and label. For a paper, draw and save within
`rltools.plots.drawing.style.printed()`: 8 points, thin lines, text that stays text in a PDF; `dark()` beside it draws
for a dark page. `rltools.plots.drawing.alt.alt_text(axes)` describes a plot in words.

This page is made from the docstrings of the plots by `python docs/gallery.py`.

<!-- run by tests/plots/test_gallery.py -->
"""


def gallery_plots() -> dict[str, Callable[..., Any]]:
    """The plots of rltools itself by name, in the order of their chapters."""
    plots = {name: rltools.plots.find_plot(name) for name in rltools.plots.plot_names()}
    own = {name: plot for name, plot in plots.items() if plot.__module__.startswith("rltools.")}
    return dict(sorted(own.items(), key=lambda item: rltools.plots.plot_info(item[1]).sort_key))


def example(plot: Callable[..., Any]) -> doctest.DocTest:
    """The example of a plot's docstring."""
    return doctest.DocTestParser().get_doctest(plot.__doc__, {}, plot.__name__, None, None)


def code(plot: Callable[..., Any]) -> str:
    """The example as a script, without the lines that only show a value, and with a blank line after the imports."""
    lines = [step.source for step in example(plot).examples if not step.want]
    imports = sum(line.startswith(("import ", "from ")) for line in lines)
    return "".join([*lines[:imports], "\n", *lines[imports:]])


def page() -> str:
    """The text of the gallery's page."""
    sections = [INTRODUCTION]
    chapters = groupby(gallery_plots().items(), key=lambda item: rltools.plots.plot_info(item[1]).chapter)
    for chapter, plots in chapters:
        sections.append(f"## {chapter}\n")
        sections += [_section(name, plot) for name, plot in plots]
    return "\n".join(sections)


def _section(name: str, plot: Callable[..., Any]) -> str:
    summary, caption = inspect.getdoc(plot).split("\n", 1)[0], rltools.plots.plot_info(plot).caption
    text = f"{summary} {caption}" if isinstance(caption, str) else summary
    return f"### {name}\n\n{text}\n\n```python\n{code(plot)}```\n\n![{summary}]({name}.png)\n"


def draw(name: str, picture: Path) -> None:
    """Run the example of a plot in an empty folder and save its figure."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(code(gallery_plots()[name]), names)  # noqa: S102  our own docstring
        finally:
            os.chdir(before)
        names["axes"].figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    if sys.argv[1:]:
        picture = Path(sys.argv[2]).resolve() if sys.argv[2:] else GALLERY / f"{sys.argv[1]}.png"
        draw(sys.argv[1], picture)
    (GALLERY / "README.md").write_text(page(), encoding="utf-8")
