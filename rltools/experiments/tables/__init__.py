"""The tables of an experiment: one file per table, found by its place.

A file `name.py` has a function `name(results)`, which makes a tidy `pandas.DataFrame` of the results of an experiment
and whose docstring says what its columns are, and `PRINTED`, which says how it looks in a paper. Each is written into
the folder of the experiment as `tables/name.csv`, `name.parquet` and `name.tex`. Read `losses.py` first, then
`_printed.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.discovery import load_member, loadable, unknown_name
from rltools._util.files import atomic_write, os_errors_as
from rltools.experiments.results import Results
from rltools.experiments.tables._latex import latex
from rltools.experiments.tables._printed import Cells, Column, Printed, cells

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOLDER", "FORMATS", "Cells", "Column", "Printed", "Table", "find_table", "table_names", "write_tables"]

FOLDER = "tables"
"""The folder of the tables within that of an experiment."""
FORMATS = ("csv", "parquet", "tex")


@dataclass(frozen=True)
class Table:
    """A table of an experiment.

    Attributes:
        name: its name.
        make: makes it from the results; its docstring describes the columns.
        printed: how it looks in a paper.
    """

    name: str
    make: Callable[[Results], pd.DataFrame]
    printed: Printed

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write the table as CSV, Parquet or LaTeX, as the ending of the path says."""
        with os_errors_as(path), atomic_write(path) as temporary:
            if path.suffix == ".csv":
                frame.to_csv(temporary, index=False, lineterminator="\n")
            elif path.suffix == ".parquet":
                frame.to_parquet(temporary, index=False)
            else:
                temporary.write_text(self.latex(frame), encoding="utf-8", newline="\n")

    def cells(self, frame: pd.DataFrame) -> Cells:
        """The texts of the table as it is printed."""
        return cells(frame, self.printed)

    def latex(self, frame: pd.DataFrame) -> str:
        """The table as LaTeX with the rules of booktabs."""
        return latex(self.cells(frame), self.name)


@cache
def table_names() -> tuple[str, ...]:
    """The names of all tables, in alphabetical order.

    Example:
        >>> from rltools.experiments.tables import table_names
        >>> "losses" in table_names()
        True
    """
    return tuple(name for name in loadable(__name__))


def find_table(name: str) -> Table:
    """The table of this name.

    Raises:
        UnknownNameError: there is none; the message has the nearest ones and all that there are.

    Example:
        >>> from rltools.experiments.tables import find_table
        >>> find_table("losses").printed.values[0].heading
        'Loss'
    """
    if name not in table_names():
        raise unknown_name("table", name, table_names())
    module = f"{__name__}.{name}"
    return Table(name, load_member(module, name), load_member(module, "PRINTED"))


def write_tables(folder: Path, results: Results) -> dict[str, pd.DataFrame]:
    """Write all tables that have rows into `tables/` of the folder of an experiment, and return them by name.

    The same results give the same bytes. Tables of earlier results that have no rows any more are removed.
    """
    made = {}
    with os_errors_as(folder):
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name in table_names():
        table = find_table(name)
        frame = table.make(results)
        for ending in FORMATS:
            path = folder / FOLDER / f"{name}.{ending}"
            if len(frame):
                table.write(frame, path)
            else:
                path.unlink(missing_ok=True)
        if len(frame):
            made[name] = frame
    return made
