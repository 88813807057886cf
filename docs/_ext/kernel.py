"""Run in the kernel of each tutorial before its first cell: every plot is shown a second time, as on a dark page.

`notebooks.py` names this file in PYTHONSTARTUP. It runs among the names of the tutorial, so it leaves none behind.
"""


def _start() -> None:
    import ast

    import matplotlib
    from IPython import get_ipython
    from IPython.core.pylabtools import print_figure
    from IPython.display import Image, display

    shell, dots_per_inch = get_ipython(), 160

    def show_in_the_dark(result):  # type: ignore[no-untyped-def]
        """Draw the plot on the last line of a cell once more, and show it below the first one."""
        lines = ast.parse(result.info.raw_cell).body if result.success else []
        code = ast.unparse(lines[-1]) if lines else ""
        if not code.startswith("rltools.plots."):
            return
        from rltools.plots.drawing.alt import alt_text
        from rltools.plots.drawing.style import dark

        with dark():
            axes = eval(code, shell.user_ns)  # noqa: S307  a line of our own page
            # By the comment notebooks.py tells this picture from the other one; both get the description.
            words = {"Comment": "dark", "Description": alt_text(axes)}
            picture = print_figure(axes.figure, "png", bbox_inches="tight", metadata=words)
        display(Image(picture))

    matplotlib.rcParams["figure.dpi"] = dots_per_inch
    shell.events.register("post_run_cell", show_in_the_dark)


_start()
del _start
