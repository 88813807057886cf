"""The placeholders of values in the help of commands, where typer names types: `--out PATH`, not `--out <path>`."""

from __future__ import annotations

from typing import Any


class Placeholders:
    """A command whose help has capitals for values, and nothing beside a flag, which takes none."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters of the command, each with its placeholder."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if param.param_type_name == "argument":
                param.metavar = param.metavar or param.name.upper()
                param.display_type_rich = _no_type
            elif param.metavar is None:
                param.metavar = _placeholder(param)
        return params


def _no_type(ctx: Any) -> None:
    """Beside the name of an argument no type is written."""


def _placeholder(option: Any) -> str | None:
    """`N` for a number, `PATH`, else the name of the option in capitals; none for a choice, which lists its values."""
    value = option.type_descriptor
    if option.is_flag:
        return ""
    if value.is_choice:
        return None
    if value.is_path:
        return "PATH"
    return "N" if value.annotation in (int, float) else str(option.opts[-1].lstrip("-").upper())
