"""The commands; each only calls what a script would call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="rltools",
    help="What a trained reinforcement-learning agent looks at, and whether that answer can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Agent = Annotated[str, typer.Argument(help="An agent's name, a model's .zip, or a run folder of rl-zoo.")]
Run = Annotated[Path, typer.Argument(help="The folder of a recording, for instance runs/lunarlander-ppo.")]
Env = Annotated[str | None, typer.Option(help="Environment id; the agent's own by default.")]
Episodes = Annotated[int, typer.Option(min=1, help="How many episodes.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first episode; the others follow.")]
Method = Annotated[str | None, typer.Option(help="Attribution method; see `rltools list methods`.")]
Target = Annotated[str | None, typer.Option(help="What is explained, for instance centred:chosen or logit:left.")]
Normalize = Annotated[
    str | None, typer.Option(metavar="PATH", help="VecNormalize statistics; `none` where there are none on purpose.")
]
Out = Annotated[Path | None, typer.Option(help="Where the result goes.")]
Import = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="Module that registers your environments.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace recordings of other settings.")]


@app.command(epilog="Example: `rltools analyze lunarlander-ppo`")
def analyze(
    agent: Agent,
    *,
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    method: Method = None,
    target: Target = None,
    normalize: Normalize = None,
    out: Out = None,
    modules: Import = None,
    overwrite: Overwrite = False,
) -> None:
    """Record an agent, explain every step, and write a page that says what it looks at."""
    from rltools.analysis import analyze as run_analysis

    _import(modules)
    made = run_analysis(
        agent,
        env,
        episodes=episodes,
        seed=seed,
        method=method,
        target=target,
        normalize=_statistics(normalize),
        directory=out,
        overwrite=overwrite,
        progress=True,
    )
    typer.echo("\n".join(made.summary.findings))
    typer.echo(f"Open {made.page}")


@app.command(epilog="Example: `rltools record cartpole-ppo --episodes 5 --out runs/mine`")
def record(
    agent: Agent,
    *,
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    normalize: Normalize = None,
    out: Out = None,
    modules: Import = None,
    frames: Annotated[bool, typer.Option("--frames", help="Keep pictures of every step.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Let an agent act, and keep whole episodes."""
    from rltools.analysis import folder_name
    from rltools.loading import load_policy
    from rltools.rollout import record as run_record

    _import(modules)
    policy = load_policy(agent, env, normalize=_statistics(normalize))
    folder = out or Path("runs") / folder_name(policy.source.name)
    recording = run_record(
        policy,
        env,
        episodes=episodes,
        seed=seed,
        directory=folder,
        frames=frames,
        overwrite=overwrite,
        progress=True,
    )
    outcomes = recording.outcomes()
    mean = sum(outcome.total_reward for outcome in outcomes) / max(1, len(outcomes))
    typer.echo(f"{len(outcomes)} episodes, {sum(o.steps for o in outcomes):,} steps, mean return {mean:.1f}")
    typer.echo(f"Kept in {folder}")


@app.command(epilog="Example: `rltools explain runs/lunarlander-ppo lunarlander-ppo --method integrated_gradients`")
def explain(
    run: Run,
    agent: Agent,
    *,
    method: Annotated[str, typer.Option(help="Attribution method; see `rltools list methods`.")] = "gradient",
    target: Target = None,
    normalize: Normalize = None,
    modules: Import = None,
) -> None:
    """Add attributions to a recording, without its environment."""
    from rltools.explanation import explain as run_explain
    from rltools.loading import load_policy
    from rltools.recording import open_recording
    from rltools.summary import summarise
    from rltools.targets import parse_target

    _import(modules)
    recording = open_recording(run)
    policy = load_policy(agent, normalize=_statistics(normalize))
    asked = str(parse_target(target, policy))
    run_explain(recording, policy, method=method, target=asked, progress=True)
    typer.echo("\n".join(summarise(recording, method=method, target=asked).findings))


@app.command(epilog="Example: `rltools plot runs/lunarlander-ppo beeswarm --out beeswarm.png`")
def plot(
    run: Run,
    name: Annotated[str, typer.Argument(help="See `rltools list plots`.")],
    method: Method = None,
    target: Target = None,
    out: Out = None,
) -> None:
    """Draw a plot of a recording; the ending of --out decides the format (png, svg, pdf)."""
    from matplotlib.backend_bases import FigureCanvasBase

    from rltools import plots
    from rltools.analysis import folder_name
    from rltools.discovery import unknown
    from rltools.errors import ArgumentError
    from rltools.recording import open_recording
    from rltools.recording._files import appearing, cause_named

    if name not in plots.plot_names():
        raise unknown("plot", name, plots.plot_names())
    path = out or run / "plots" / f"{folder_name('-'.join(filter(None, (name, method, target))))}.png"
    kind, known = path.suffix.removeprefix(".").lower(), FigureCanvasBase.get_supported_filetypes()
    if kind not in known:
        raise ArgumentError(f"--out {path} ends in {path.suffix!r}; it can end in {', '.join(sorted(known))}")
    figure = getattr(plots, name)(open_recording(run), method=method, target=target).get_figure(root=True)
    with cause_named(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with appearing(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=200)
    typer.echo(f"Drawn in {path}")


@app.command(epilog="Example: `rltools replay runs/lunarlander-ppo 3 --out landing.html`")
def replay(
    run: Run,
    episode: Annotated[int, typer.Argument(help="Number of the episode.")],
    method: Method = None,
    target: Target = None,
    out: Out = None,
) -> None:
    """Write one episode as a page to play and scrub through."""
    from rltools.recording import open_recording
    from rltools.replays import replay as write_replay

    path = out or run / "replays" / f"episode-{episode:06d}.html"
    typer.echo(f"Open {write_replay(open_recording(run), episode, path, method=method, target=target)}")


@app.command(epilog="Example: `rltools run experiments/lunarlander.yaml episodes=5 seeds=[0,100]`")
def run(
    experiment: Annotated[str, typer.Argument(help="An experiment file, or the name of one.")],
    changes: Annotated[list[str] | None, typer.Argument(help="Changes to it, key=value.")] = None,
    out: Out = None,
    modules: Import = None,
    overwrite: Overwrite = False,
) -> None:
    """Run an experiment file: agents, methods, targets and seeds, into one report."""
    from rltools.experiment import run_experiment

    _import(modules)
    made = run_experiment(experiment, tuple(changes or ()), directory=out, overwrite=overwrite, progress=True)
    typer.echo("\n".join(made.findings))
    typer.echo(f"Open {made.page}")


@app.command("list", epilog="Example: `rltools list methods`")
def list_(
    room: Annotated[
        str | None, typer.Argument(help="agents, envs, experiments, methods or plots; all by default.")
    ] = None,
) -> None:
    """Show agents, environments, experiments, methods and plots, one line each."""
    from rltools.cli._listing import listing

    typer.echo(listing(room))


@app.command(epilog="Example: `rltools inspect model.zip`")
def inspect(
    path: Annotated[str, typer.Argument(help="A model's .zip, the folder of a recording, or an agent's name.")],
) -> None:
    """Say what is in a model or in a recording, without executing anything."""
    from rltools.cli._inspecting import inspection

    text, whole = inspection(path)
    typer.echo(text)
    if not whole:
        raise typer.Exit(1)


def _import(modules: list[str] | None) -> None:
    if modules:
        from rltools.environments import import_modules

        import_modules(modules)


def _statistics(normalize: str | None) -> Path | bool | None:
    if normalize is None:
        return None
    return False if normalize == "none" else Path(normalize)
