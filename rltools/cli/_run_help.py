"""The help of `rltools run`, which lists what an experiment file may say."""

from __future__ import annotations

from typing import Any

import typer.core


class WithKeys(typer.core.TyperCommand):
    """A command whose help ends with the keys of an experiment file, made from what checks one."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; only here, because what checks a file takes long to load."""
        from rltools.experiments.file import keys

        entries = "\n".join(f"- `{name}`: {meaning}" for name, meaning in keys())
        example, self.epilog = self.epilog, f"{self.epilog}\n\nKeys of an experiment file:\n\n{entries}"
        super().format_help(ctx, formatter)
        self.epilog = example
