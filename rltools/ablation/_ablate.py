"""`ablate`: measures what the return is without some of the features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, check_count
from rltools._util.workers import Workers, check_workers
from rltools.ablation._ablation import PART, Ablation
from rltools.ablation._environment import check_recording, environment_to_ablate_in, specification_of
from rltools.ablation._folder import (
    AblationSpec,
)
from rltools.ablation._players import Groups, find_players
from rltools.ablation._runner import AblationRunner, open_runner
from rltools.ablation._stages import (
    measure_coalitions,
    measure_curves,
    measure_leave_out,
    measure_losses,
    measure_pairs,
)
from rltools.ablation.replacements import find_replacement
from rltools.envs import Environment, environment_spec
from rltools.errors import ArgumentError, FaultError, argument
from rltools.policies.base import Policy, check_is_policy, mixes_choices
from rltools.policies.bounds import Bounds, check_bounds
from rltools.recording import Recording
from rltools.recording.attribution import VARIABLES
from rltools.rollout import record
from rltools.rollout.env_check import examine
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
    feature is hidden at the same seeds, paired with the episodes in which nothing is, and those that may be needed most
    get further seeds until one of them certainly leads. Everything is kept in the recording's folder, one immutable
    file per batch: an interrupted call continues there, and the files are the same whatever `num_envs` and `workers`
    are.

    Args:
        policy: the policy that acts; see `load_policy`.
        recording: of this policy: values of its visited states replace hidden ones, and its folder gets the results.
            None records 20 episodes first.
        env: as for `record`; None is the environment of the recording, or else the agent's own.
        replace: what stands in the place of hidden values: "resample", a visited state's value, drawn at each step;
            "mean"; "zero"; "hold", a value from earlier in the episode; "nearest", among the visited states most alike
            in what is seen. See `rltools.ablation.replacements`.
        second: another replacement, run at up to 8 seeds: no replacement is the right one, and a first feature that
            changes with it is not certain. None runs none. It is "hold" where the policy takes whole choices only (see
            `HasLimits`), which "mean" and "zero" do not put in.
        seeds: at how many seeds each feature is hidden.
        most: the largest number of seeds for the features whose loss may be the largest, which get further seeds until
            one of them certainly leads.
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
        max_steps: the largest number of steps in an episode; None is that of the recording.
        seed: from which the seeds of the episodes are derived; no recording has an episode with such a seed.
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
        check_recording(recording)
    if recording is None:
        recording = record(
            policy, env, episodes=EPISODES, directory=directory, workers=workers, bounds=bounds, progress=progress
        )
    elif directory is not None:
        raise ArgumentError(f"the recording has its folder, {recording.directory}; leave out {argument('directory')}")
    environment = environment_to_ablate_in(policy, recording, env)
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
        environment=specification_of(environment),
        recording=recording.seal,
    )
    with open_runner(policy, recording, environment, spec, num_envs, workers, progress=progress) as runner:
        runner.announce(recording, seeds)
        runner.run([("", ())], range(seeds), "loss", "nothing hidden")
        _check_baseline(runner)
        measure_losses(runner, seeds, most)
        measure_pairs(runner, seeds, PART)
        if coalitions:
            measure_coalitions(runner, seeds)
        if part is not None:
            measure_leave_out(runner, part, most)
        if (runner.rollouts.purpose == "coalition").any():  # last: further episodes may change the order of losses
            measure_curves(runner, seeds)
        return runner.ablation(recording)


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


def _part(leave_out: Any) -> float | None:
    """The part of the return that may be lost; None if nothing is searched."""
    if isinstance(leave_out, bool):
        return PART if leave_out else None
    if not isinstance(leave_out, int | float) or not 0 < leave_out < 1:
        raise ArgumentError(
            f"leave_out is {leave_out!r:.80}; it must be True, False or a part of the return between 0 and 1"
        )
    return float(leave_out)


def _check_baseline(runner: AblationRunner) -> None:
    """Refuse to go on if no episode with nothing hidden was complete.

    Raises:
        FaultError: every one ended by a fault.
    """
    if not runner.returns(()):
        faults: Iterable[str] = (str(fault) for fault in runner.rollouts.fault if fault)
        raise FaultError(
            f"every one of {len(runner.rollouts)} episodes with nothing hidden ended by a fault, so that there is "
            f"no return to compare with; the first: {next(iter(faults), 'unknown')}. Fix it, delete "
            f"{runner.folder} and ablate again"
        )
