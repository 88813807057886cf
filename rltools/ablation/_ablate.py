"""`ablate`: measures what the return is without some of the features."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rltools._util.files import os_errors_as, unfinished_in
from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, check_count
from rltools._util.lock import folder_lock
from rltools._util.workers import Workers, check_workers
from rltools.ablation._ablation import PART, Ablation
from rltools.ablation._folder import (
    FOLDER,
    AblationSpec,
    batch_identity,
    read_batches,
    read_visited,
    visited_path,
    write_spec,
    write_visited,
)
from rltools.ablation._measuring import Measuring
from rltools.ablation._players import Groups, find_players
from rltools.ablation._run import Setting
from rltools.ablation._stages import (
    measure_coalitions,
    measure_curves,
    measure_leave_out,
    measure_losses,
    measure_pairs,
)
from rltools.ablation.replacements import Visited, find_replacement
from rltools.envs import Environment, canonical_spec_json, environment_spec, spec_from_json, spec_to_json
from rltools.errors import ArgumentError, FaultError, MismatchError, argument
from rltools.explanation.references import draw_visited
from rltools.policies.base import Policy, check_is_policy, mixes_choices
from rltools.policies.bounds import Bounds, check_bounds
from rltools.recording import Recording
from rltools.recording.attribution import VARIABLES
from rltools.rollout import record
from rltools.rollout.env_check import environment_of, examine
from rltools.rollout.settings import STEP_LIMIT
from rltools.spaces.groups import resolved_groups

EPISODES = 20
"""Episodes that are recorded for their visited states, if there is no recording."""
MOST_VISITED, VISITED_BYTES = 2048, 1 << 26
"""The number of visited states, and the bytes they may take."""


def ablate(
    policy: Policy,
    recording: Recording | None = None,
    env: Environment | None = None,
    *,
    replace: str = "resample",
    second: str | None = "mean",
    seeds: int = 16,
    most: int = 128,
    groups: Groups = VARIABLES,
    coalitions: bool = False,
    leave_out: bool | float = False,
    directory: str | Path | None = None,
    num_envs: int = 64,
    max_steps: int | None = None,
    seed: int = 0,
    workers: Workers = 1,
    bounds: Bounds = "same",
    progress: bool = False,
) -> Ablation:
    """Measure how much of the return a policy loses when it does not see a feature.

    During whole episodes the policy's view of a feature is replaced; the environment is untouched. Action masks stay as
    the environment gives them, a recurrent policy remembers what it saw, and the policy takes its best actions. Each
    feature is hidden at the same seeds, paired with the episodes in which nothing is, and the leaders are raced at
    further seeds until the first stands alone. Everything is kept in the recording's folder, one immutable file per
    batch: an interrupted call continues there, and the files are the same whatever `num_envs` and `workers` are.

    Args:
        policy: the policy that acts; see `load_policy`.
        recording: of this policy: its visited states are the values that stand in, and its folder gets the files. None
            records 20 episodes first.
        env: as for `record`; None is the environment of the recording, or else the agent's own.
        replace: what stands in the place of hidden values: "resample", a visited state's value, drawn at each step;
            "mean"; "zero"; "hold", a value from earlier in the episode; "nearest", among the visited states most alike
            in what is seen. See `rltools.ablation.replacements`.
        second: another replacement, run at up to 8 seeds: no replacement is the right one, and a first feature that
            changes with it is not certain. None runs none. It is "hold" where the policy takes whole choices only (see
            `HasLimits`), which "mean" and "zero" do not put in.
        seeds: how many seeds each feature is hidden at.
        most: up to how many seeds the leaders are raced at.
        groups: what is hidden together: "variables", which a summary ranks too: an element of a vector with all its
            lags, a choice, or each factor of one that the environment's card decodes, an entry of a Dict, a region of
            an observation that is an image; "features", every element, choice, factor and region; "card", the groups
            of the environment's card; or `{name: [feature, ...]}`.
        coalitions: also measure sets of features: outcome Shapley values, interactions and curves. All sets of up to 8
            features; beyond, the sets along pairs of random orders, twice as many as seeds.
        leave_out: also search the largest set of features that can be replaced together for less than a part of the
            return, and certify it at fresh seeds: the part, or True for 0.05.
        directory: the folder of the recording, if there is none yet; None is a temporary one.
        num_envs: how many episodes run side by side.
        max_steps: ends an episode that does not end by itself; None is as in the recording.
        seed: from which the seeds are derived; no recording has an episode with such a seed.
        workers: how many processes run episodes, or an executor; see `record`.
        bounds: see `record`.
        progress: say what will be run, and show progress bars.

    Returns:
        The ablation, with all that was ever measured with these settings.

    Raises:
        ArgumentError: an argument is out of its range, or there is no environment, or the return is zero, so that
            there is no part of it to keep.
        UnknownNameError: there is no such replacement or feature.
        MismatchError: the recording is of another policy or another environment.
        FaultError: every episode with nothing hidden ended by a fault.
        SimulationError: see `record`.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> ablation = rltools.ablate(policy, seeds=8, most=8)
        >>> losses = ablation.losses()
        >>> bool(losses.interval.value[losses.order[0]] > 300), losses.interval.value.shape
        (True, (4,))
    """
    check_is_policy(policy)
    if getattr(policy, "units", "environment") != "environment":
        raise ArgumentError(
            f"{policy.source.name} takes observations in the units of its network, and what stands in for hidden ones "
            f"is in those of the environment; give the policy without in_network_units()"
        )
    for name, number, limit in (
        ("seeds", seeds, MAX_EPISODES // 20),
        ("most", most, MAX_EPISODES // 20),
        ("num_envs", num_envs, MAX_EPISODES),
    ):
        check_count(name, number, most=limit)
    check_workers(workers)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if max_steps is not None:
        check_count("max_steps", max_steps, most=MAX_STEPS)
    check_bounds(bounds)
    part = _part(leave_out)
    second = fitting_second(policy, replace, second)
    if second is not None and find_replacement(second) and second == replace:
        raise ArgumentError(f"second is {second!r}, as replace is; name another replacement, or None")
    groups = resolved_groups(groups, policy.features)
    find_players(policy.features, groups)  # before anything is recorded
    if recording is not None:
        _check_recording(recording)
    if recording is None:
        recording = record(
            policy, env, episodes=EPISODES, directory=directory, workers=workers, bounds=bounds, progress=progress
        )
    elif directory is not None:
        raise ArgumentError(f"the recording has its folder, {recording.directory}; leave out {argument('directory')}")
    environment = _environment(policy, recording, env)
    declared = getattr(environment_spec(environment), "max_episode_steps", None)
    # Some older recordings have no limit.
    steps = int(max_steps or recording.header.max_steps or declared or STEP_LIMIT)
    effective_bounds: Bounds = "any" if getattr(policy, "bounds", "same") == "any" else bounds
    examine(policy, environment, effective_bounds)
    players = find_players(recording.features, groups)
    spec = AblationSpec(
        replace=replace,
        second=second or "",
        groups=groups if isinstance(groups, str) else {str(name): list(members) for name, members in groups.items()},
        players=players.names,
        seed=seed,
        max_steps=steps,
        visited=min(MOST_VISITED, max(64, VISITED_BYTES // (4 * players.size))),
        policy=policy.source.name,
        policy_sha256=policy.source.sha256,
        environment=_specification(environment),
        recording=recording.seal,
    )
    with _measuring(policy, recording, environment, spec, num_envs, workers, progress=progress) as measuring:
        measuring.announce(recording, seeds)
        measuring.run([("", ())], range(seeds), "loss", "nothing hidden")
        _check_baseline(measuring)
        measure_losses(measuring, seeds, most)
        measure_pairs(measuring, seeds, PART)
        if coalitions:
            measure_coalitions(measuring, seeds)
        if part is not None:
            measure_leave_out(measuring, part, most)
        if (measuring.rollouts.purpose == "coalition").any():  # last: further episodes may change the order of losses
            measure_curves(measuring, seeds)
        return measuring.ablation(recording)


def fitting_second(policy: Policy, replace: str, second: str | None) -> str | None:
    """The second replacement; "hold" in the place of one that the policy cannot take.

    Raises:
        UnknownNameError: there is no such replacement.
        ArgumentError: the policy takes whole choices only, and the first replacement does not put these in.

    Example:
        >>> import rltools
        >>> from rltools.ablation import fitting_second
        >>> table = rltools.FunctionPolicy(lambda states: states % 4, "FrozenLake-v1")
        >>> network = rltools.load_policy("taxi-masked-ppo")
        >>> fitting_second(table, "resample", "mean"), fitting_second(network, "resample", "mean")
        ('hold', 'mean')
    """
    first = find_replacement(replace)
    if mixes_choices(policy) or not policy.features.choice_slices:
        return second
    if first.mixes_choices:
        raise ArgumentError(
            f"{policy.source.name} takes whole choices only, and {replace} mixes their values; take "
            f"{argument('replace', 'resample')}, {argument('replace', 'hold')} or {argument('replace', 'nearest')}"
        )
    if second is None or not find_replacement(second).mixes_choices:
        return second
    return "hold" if replace != "hold" else "resample"


def measure(
    policy: Policy,
    recording: Recording,
    ablation: Ablation,
    hidden: Sequence[Collection[int]],
    *,
    env: Environment | None = None,
    seeds: int = 16,
    num_envs: int = 64,
    workers: Workers = 1,
    progress: bool = False,
) -> Ablation:
    """Add conditions to an ablation: sets of players that are hidden together, for instance along an order.

    Args:
        policy: the policy that was ablated.
        recording: in whose folder the ablation is.
        ablation: the ablation.
        hidden: positions of the players that are hidden in each condition.
        env: as for `ablate`.
        seeds: how many seeds each condition is run at, paired with those of the ablation.
        num_envs: how many episodes run side by side.
        workers: how many processes run episodes, or an executor; see `record`.
        progress: show a progress bar.

    Returns:
        The ablation with these conditions; those that were measured before are not run again.

    Raises:
        ArgumentError: there is no player at a position.
        MismatchError: the recording is of another policy or another environment.

    Example:
        >>> import rltools
        >>> from rltools.ablation import measure
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=5)
        >>> ablation = rltools.ablate(policy, recording, seeds=2, most=2, second=None)
        >>> ablation = measure(policy, recording, ablation, [(0, 1, 2)], seeds=2)
        >>> sorted(ablation.returns((0, 1, 2)))
        [0, 1]
    """
    _check_recording(recording)
    check_count("seeds", seeds, most=MAX_EPISODES // 20)
    sets = [tuple(sorted({int(player) for player in each})) for each in hidden]
    if any(not 0 <= player < len(ablation.players) for each in sets for player in each):
        raise ArgumentError(f"hidden is {hidden!r:.80}; players are at the positions 0 to {len(ablation.players) - 1}")
    environment = _environment(policy, recording, env)
    spec = ablation.spec
    with _measuring(policy, recording, environment, spec, num_envs, workers, progress=progress) as measuring:
        conditions = [("", ()), *(measuring.hiding(each) for each in sets)]
        measuring.run(conditions, range(seeds), "curve", "sets of features hidden")
        return measuring.ablation(recording)


@contextmanager
def _measuring(
    policy: Policy,
    recording: Recording,
    environment: Environment,
    spec: AblationSpec,
    num_envs: int,
    workers: Workers,
    *,
    progress: bool,
) -> Iterator[Measuring]:
    """Hold the folder of an ablation, with what it has already, to add episodes to it."""
    folder = recording.directory / FOLDER / spec.key
    players = find_players(recording.features, spec.groups)
    drawn = None if visited_path(folder).is_file() else draw_visited(recording, spec.visited, spec.seed)
    with folder_lock(folder), os_errors_as(folder):
        for unfinished in unfinished_in(folder):
            unfinished.unlink(missing_ok=True)
        seal = write_spec(folder, spec)
        visited = read_visited(folder, players.size, recording.seal, seal)
        if visited is None:
            visited = players.decode(policy.encode(drawn).numpy(force=True))
            write_visited(folder, visited, recording.seal, seal)
        rollouts = read_batches(folder, spec, batch_identity(folder, recording.seal, seal))
        setting = Setting(policy, environment, players, Visited(visited), spec.seed, spec.max_steps, num_envs)
        yield Measuring(setting, spec, folder, seal, rollouts, workers, progress=progress)


def _part(leave_out: Any) -> float | None:
    """The part of the return that may be lost; None if nothing is searched."""
    if isinstance(leave_out, bool):
        return PART if leave_out else None
    if not isinstance(leave_out, int | float) or not 0 < leave_out < 1:
        raise ArgumentError(
            f"leave_out is {leave_out!r:.80}; it must be True, False or a part of the return between 0 and 1"
        )
    return float(leave_out)


def _environment(policy: Policy, recording: Recording, env: Environment | None) -> Environment:
    """The environment to act in.

    Raises:
        MismatchError: the recording is of another policy, or of another environment.
        ArgumentError: there is no environment, or the episodes are those of a data set.
    """
    header = recording.header
    if header.data:
        raise ArgumentError(
            f"{recording.directory} holds episodes of the data set {header.data}, in which nothing can be hidden "
            f"afterwards; record {header.policy} in its environment, and ablate that: rltools.record(policy, env)"
        )
    if policy.source.sha256 != header.policy_sha256:
        raise MismatchError(
            f"{recording.directory} is a recording of {header.policy} with sha256 {header.policy_sha256[:12]}..., and "
            f"the policy is {policy.source.name} with {policy.source.sha256[:12]}...; load the one that was recorded"
        )
    if env is None:
        return spec_from_json(header.environment) if header.environment else _made_by_function(policy, recording)
    env = environment_of(policy, env)
    spec = environment_spec(env)
    if spec is not None and header.environment and spec.id != recording.header.environment_id:
        raise MismatchError(
            f"{recording.directory} was recorded in {header.environment_id}, and env is {spec.id}; leave out "
            f"{argument('env')}, or record there first"
        )
    return env


def _made_by_function(policy: Policy, recording: Recording) -> Environment:
    """The policy's own environment, if that is a function as well: any other one is not what was recorded.

    Raises:
        ArgumentError: it is not.
    """
    own = getattr(policy, "environment", None)
    if own is None or environment_spec(own) is not None:
        raise ArgumentError(
            f"{recording.directory} was recorded in an environment that a function made, which no file can hold; give "
            f"the function again: {argument('env')}"
        )
    return environment_of(policy, own)


def _check_recording(recording: Any) -> None:
    if not isinstance(recording, Recording):
        raise ArgumentError(
            f"recording is a {type(recording).__name__}; open one with rltools.open_recording(...), or leave it out"
        )


def _specification(environment: Environment) -> str:
    spec = environment_spec(environment)
    text = spec and spec_to_json(spec)
    return canonical_spec_json(text) if text else ""


def _check_baseline(measuring: Measuring) -> None:
    """Refuse to go on if no episode with nothing hidden was complete.

    Raises:
        FaultError: every one ended by a fault.
    """
    if not measuring.returns(()):
        faults: Iterable[str] = (str(fault) for fault in measuring.rollouts.fault if fault)
        raise FaultError(
            f"every one of {len(measuring.rollouts)} episodes with nothing hidden ended by a fault, so that there is "
            f"no return to compare with; the first: {next(iter(faults), 'unknown')}. Fix it, delete "
            f"{measuring.folder} and ablate again"
        )
