"""`rltools new`: write a file to start from, filled in, for an environment, an agent or an experiment."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from rltools._util.console import say
from rltools.cli.agent_options import AgentOptions, EnvKwargs, takes_agent
from rltools.cli.app import LOOK_UP, Command, Group, app
from rltools.cli.completion import complete_agents, complete_environments
from rltools.cli.options import Import
from rltools.cli.values import import_all, named_values

new: typer.Typer = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(
    new,
    name="new",
    rich_help_panel=LOOK_UP,
    help="Write a file to start from, filled in: the card of an environment or an agent, or an experiment.",
    epilog="Example: `rltools new env LunarLander-v3`",
)


@new.command(cls=Command, epilog="Example: `rltools new env CartPole-v1`")
def env(
    env_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Environment id.", autocompletion=complete_environments),
    ],
    *,
    env_kwargs: EnvKwargs = None,
    modules: Import = None,
) -> None:
    """Write envs/ID.yaml, with a line for each element of the observation and each action, to name them."""
    from rltools.experiments.scaffold import new_env

    import_all(modules)
    path = new_env(env_id, named_values(env_kwargs, "--env-kwargs", "size=8"))
    typed = [word for text in env_kwargs or () for word in ("--env-kwargs", text)]
    imports = [word for name in modules or () for word in ("--import", name)]
    say(f"Wrote {path}")
    _say_next("Edit its names, then look at them", ["inspect", env_id, *typed, *imports])


@new.command(cls=Command, epilog="Example: `rltools new agent best_model.zip --env LunarLander-v3 --name my-lander`")
@takes_agent
def agent(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="The file of a model, or a run folder of rl-zoo."),
    ],
    *,
    options: AgentOptions,
) -> None:
    """Copy a model into agents/NAME, and write its card, so that commands know it by its name."""
    from rltools.experiments.scaffold import new_agent

    options.import_modules()
    path = new_agent(model, options.env, env_kwargs=options.arguments, **options.loading)
    say(f"Wrote {path}, beside a copy of the model")
    imports = [word for name in options.modules or () for word in ("--import", name)]
    _say_next("It is known by its name now", ["analyze", path.parent.name, *imports])


@new.command(
    cls=Command, epilog="Example: `rltools new experiment landers --agent lunarlander-ppo --agent lunarlander-dqn`"
)
@takes_agent
def experiment(
    title: Annotated[str, typer.Argument(metavar="NAME", help="Name of the experiment, and of its file.")],
    *,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            metavar="AGENT",
            help="An agent to compare, as for `rltools record`; may be repeated.",
            show_default="the agent called NAME, else those in agents/, else cartpole-ppo",
            autocompletion=complete_agents,
        ),
    ] = None,
    options: AgentOptions,
) -> None:
    """Write experiments/NAME.yaml, which compares agents and runs as it is."""
    from rltools.experiments.scaffold import new_experiment

    options.import_modules()
    path = new_experiment(title, agents or (), options.env, env_kwargs=options.arguments, **options.loading)
    say(f"Wrote {path}")
    imports = [word for module in options.modules or () for word in ("--import", module)]
    _say_next("Edit it, then run it", ["run", str(path), *imports])


def _say_next(what: str, words: list[str]) -> None:
    say(f"{what}:", f"  {shlex.join(['rltools', *words])}")  # whole, to be copied
