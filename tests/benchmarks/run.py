"""Runs the benchmarks and prints them as one table."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table


def main() -> None:
    """Run the benchmarks named on the command line, or all of them."""
    torch.set_num_threads(1)
    here = Path(__file__).parent
    names = sys.argv[1:] or sorted(
        path.stem for path in here.glob("*.py") if path.stem not in ("known_losses", "nets", "peers", "run", "timing")
    )
    table = Table("benchmark", "figure", "bar")
    for name in track(names, "benchmarks", console=Console(stderr=True)):
        for row in import_module(name).measure():
            table.add_row(row.label, row.figure, row.bar)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
