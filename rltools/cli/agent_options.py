"""The options of every command that takes an agent: where it acts, what its file does not say, and how it is called.

`AgentOptions` has a field for each. A command takes them all as one parameter, and `takes_agent` makes options of them:

```
@app.command(...)
@takes_agent
def record(agent: Agent, *, loading: AgentOptions, episodes: Episodes = 20) -> None: ...
```
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_type_hints

import typer

from rltools.cli.completion import complete_environments, complete_layouts
from rltools.cli.values import import_all, named_values
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.policies.base import Policy
    from rltools.policies.load_arguments import LoadArguments

PANEL = "Agent and environment"
RARE_PANEL = "Your own names, and files of other libraries"


def _option(*flags: str, panel: str = PANEL, **settings: Any) -> Any:
    return typer.Option(*flags, rich_help_panel=panel, **settings)


Import = Annotated[
    list[str] | None,
    _option("--import", metavar="MODULE", help="Module that registers your environments; may be repeated."),
]
EnvKwargs = Annotated[
    list[str] | None,
    _option("--env-kwargs", metavar="NAME=VALUE...", help="Arguments of the environment: `size=8 wind=0.1`."),
]


@dataclass(frozen=True)
class AgentOptions:
    """What was typed about an agent; see `load_policy` for the meaning of each."""

    env: Annotated[
        str | None,
        _option(
            metavar="ID",
            help="Environment id.",
            show_default="the agent's own",
            autocompletion=complete_environments,
        ),
    ] = None
    env_kwargs: EnvKwargs = None
    modules: Import = None
    normalize: Annotated[
        str | None,
        _option(
            metavar="PATH",
            help="File of VecNormalize statistics; `none` if observations are not normalized.",
            show_default="looked for beside the model",
        ),
    ] = None
    bounds: Annotated[
        Literal["same", "any"],
        _option(help="`any`: accept bounds of observations and actions that differ from those in training."),
    ] = "same"
    trust: Annotated[
        list[str] | None,
        _option(
            metavar="SHA256",
            help="Load the file with this sha256 even though it runs code; by default no such file is loaded.",
        ),
    ] = None
    device: Annotated[str | None, _option(help="Device of the network, for instance cuda.", show_default="cpu")] = None
    name: Annotated[
        str | None,
        _option(
            help="Name of the agent on pages and in files.", show_default="from its card or file", panel=RARE_PANEL
        ),
    ] = None
    names: Annotated[
        str | None,
        _option(
            metavar="A,B,C",
            help="Names of the observation's elements: one for each, or `OLD=NEW` or `POSITION=NEW` for some.",
            show_default="from the environment",
            panel=RARE_PANEL,
        ),
    ] = None
    feature_units: Annotated[
        str | None,
        _option(
            metavar="A,B,C",
            help="Units of the elements, in the same form: `m,m/s`, or `NAME=UNIT`.",
            show_default="from the environment",
            panel=RARE_PANEL,
        ),
    ] = None
    action_names: Annotated[
        str | None,
        _option(
            metavar="A,B,C",
            help="Names of the actions, one for each.",
            show_default="from the environment",
            panel=RARE_PANEL,
        ),
    ] = None
    layout: Annotated[
        str | None,
        _option(
            metavar="LIBRARY",
            help="For a file of weights: the library that saved it, for instance cleanrl.",
            show_default="by its keys",
            autocompletion=complete_layouts,
            panel=RARE_PANEL,
        ),
    ] = None
    activation: Annotated[
        str | None,
        _option(
            metavar="NAME",
            help="For a file of weights: the function between layers, for instance tanh.",
            show_default="that of the library",
            panel=RARE_PANEL,
        ),
    ] = None
    strides: Annotated[
        str | None,
        _option(
            metavar="N,N,N",
            help="For a file of weights: the strides of its convolutions.",
            show_default="those of the library",
            panel=RARE_PANEL,
        ),
    ] = None
    head: Annotated[
        Literal["logit", "q_value", "mean", "action"] | None,
        _option(
            metavar="HEAD",
            help="For a file of weights or a graph: what its outputs are, logit, q_value, mean or action.",
            show_default="that of the library",
            panel=RARE_PANEL,
        ),
    ] = None
    check: Annotated[
        Path | None,
        _option(
            metavar="FILE.npz",
            help="For a file of weights: `observations` with the `scores` or `actions` that it must have.",
            show_default=False,
            panel=RARE_PANEL,
        ),
    ] = None

    @property
    def loading(self) -> LoadArguments:
        """What was typed, as `load_policy` takes it; what was not typed is left out."""
        plain = {
            name: getattr(self, name) for name in ("trust", "device", "name", "layout", "activation", "head", "check")
        }
        parsed = {
            "normalize": self.normalize and (False if self.normalize == "none" else Path(self.normalize)),
            "bounds": None if self.bounds == "same" else self.bounds,
            "names": self.names and parse_names("--names", self.names),
            "units": self.feature_units and parse_names("--feature-units", self.feature_units),
            "action_names": self.action_names and _list_of(self.action_names),
            "strides": self.strides and _strides(self.strides),
        }
        return cast(
            "LoadArguments", {name: value for name, value in (plain | parsed).items() if value not in (None, "")}
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the environment."""
        return named_values(self.env_kwargs, "--env-kwargs", "size=8")

    def import_modules(self) -> None:
        """Import the modules that register environments."""
        import_all(self.modules)

    def environment(self, agent: str) -> Environment | None:
        """The environment to act in; None for the agent's own."""
        from rltools.policies.own_environment import environment_with

        return environment_with(agent, self.env, self.arguments, self.loading)

    def load(self, agent: str) -> tuple[Policy, Environment | None]:
        """The policy of an agent, and the environment that was typed for it, after importing modules."""
        from rltools.policies.load import load_policy

        self.import_modules()
        env = self.environment(agent)
        return load_policy(agent, env, **self.loading), env


def takes_agent(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `AgentOptions` in place of its parameter of that type."""
    signature = inspect.signature(command, eval_str=True)
    holder = next(name for name, each in signature.parameters.items() if each.annotation is AgentOptions)
    hints = get_type_hints(AgentOptions, include_extras=True)
    options = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(AgentOptions)
    ]

    def with_options(*positional: Any, **typed: Any) -> None:
        own = {option.name: typed.pop(option.name) for option in options}
        command(*positional, **typed, **{holder: AgentOptions(**own)})

    others = [each for name, each in signature.parameters.items() if name != holder]
    parameters = [*others, *options]
    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def parse_names(option: str, text: str) -> list[str] | dict[str, Any]:
    """Names as `load_policy` takes them: `A,B,C`, `OLD=NEW,POSITION=NEW`, or either as JSON, for names with commas.

    Raises:
        ArgumentError: some parts have an `=` and others do not.

    >>> parse_names("--names", "speed,angle"), parse_names("--names", "obs[2]=angle,0=x")
    (['speed', 'angle'], {'obs[2]': 'angle', '0': 'x'})
    >>> parse_names("--names", '["x, y", "z"]')
    ['x, y', 'z']
    """
    if text.lstrip().startswith(('["', "{")):
        try:
            values: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArgumentError(f"{option} {text[:100]!r} is no JSON: {error}") from error
        return values if isinstance(values, dict) else [str(each) for each in values]
    parts = _list_of(text)
    paired = [part for part in parts if "=" in part]
    if not paired:
        return parts
    if len(paired) < len(parts):
        raise ArgumentError(
            f"{option} has {paired[0]!r} with an '=' and others without; write one for each, or OLD=NEW for some; "
            f'names with a comma or an \'=\' go into JSON: ["a, b", "c"]'
        )
    return {old: new for old, _, new in (part.rpartition("=") for part in parts)}


def _list_of(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _strides(text: str) -> list[int]:
    parts = _list_of(text)
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 1000 for part in parts):
        raise ArgumentError(f"--strides {text[:100]!r} are not whole numbers such as 4,2,1")
    return [int(part) for part in parts]
