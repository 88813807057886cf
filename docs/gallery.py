"""Make the gallery from the docstrings of the plots: `python docs/gallery.py [NAME [PICTURE]]`.

With the name of a plot it runs the example of its docstring and saves the figure of its `axes` as `gallery/NAME.png`.
Always it writes `gallery/README.md`: the docstring's summary, the caption, the example and the picture of every plot.
"""

import ast
import doctest
import html
import inspect
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import rltools
from rltools.plots.drawing.style import dark

GALLERY = Path(__file__).parent / "gallery"
INTRODUCTION = """# Gallery

Every plot is `rltools.plots.<name>(recording, *, axes=None, method=None, target=None, ...)` and returns matplotlib
axes; those of what the agent needs draw an ablation, and have `ablation=None` in place of method and target.
`rltools plot RUN <name>` draws a plot from the command line. Orange pushes a score up, purple down, and zero has the
color of the paper; actions have colors that stay apart with any color vision, features have none. For a paper, draw
within `rltools.plots.paper(width=3.3)`: [a figure for a paper](../figures.md). For a dark page draw within
`rltools.plots.drawing.style.dark()`. `rltools.plots.drawing.alt.alt_text(axes)` describes a plot in words.

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
    picture = picture_tag(f"{name}.png", summary)
    return f"### {name}\n\n{text}\n\n```python\n{code(plot)}```\n\n{picture}\n"


def dark_variant(picture: Path) -> Path:
    """The file of a picture as it is on a dark page."""
    return picture.with_stem(f"{picture.stem}-dark")


def picture_tag(address: str, alt: str) -> str:
    """The HTML of a picture that is dark where the page is."""
    night = dark_variant(Path(address)).as_posix()
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{night}">'
    return f'<picture>{source}<img alt="{html.escape(alt)}" src="{address}"></picture>'


def draw(name: str, picture: Path) -> None:
    """Run the example of a plot in an empty folder and save its figure, also as it is on a dark page."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            script = ast.parse(code(gallery_plots()[name]))
            exec(compile(script, name, "exec"), names)  # noqa: S102  our own docstring
            names["axes"].figure.savefig(picture, dpi=150)
            script.body = script.body[-1:]  # it draws the plot
            with dark():
                exec(compile(script, name, "exec"), names)  # noqa: S102
            names["axes"].figure.savefig(dark_variant(picture), dpi=150)
        finally:
            os.chdir(before)


if __name__ == "__main__":
    if sys.argv[1:]:
        picture = Path(sys.argv[2]).resolve() if sys.argv[2:] else GALLERY / f"{sys.argv[1]}.png"
        draw(sys.argv[1], picture)
    (GALLERY / "README.md").write_text(page(), encoding="utf-8")
