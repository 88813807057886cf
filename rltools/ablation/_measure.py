"""`measure`: adds conditions to an ablation."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rltools._util.limits import MAX_EPISODES, check_count
from rltools._util.workers import Workers
from rltools.ablation._ablation import Ablation
from rltools.ablation._environment import check_recording, environment_to_ablate_in
from rltools.ablation._runner import open_runner
from rltools.envs import Environment
from rltools.errors import ArgumentError
from rltools.policies.base import Policy
from rltools.recording import Recording


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
    check_recording(recording)
    check_count("seeds", seeds, most=MAX_EPISODES // 20)
    sets = [tuple(sorted({int(player) for player in each})) for each in hidden]
    if any(not 0 <= player < len(ablation.players) for each in sets for player in each):
        raise ArgumentError(f"hidden is {hidden!r:.80}; players are at the positions 0 to {len(ablation.players) - 1}")
    environment = environment_to_ablate_in(policy, recording, env)
    spec = ablation.spec
    with open_runner(policy, recording, environment, spec, num_envs, workers, progress=progress) as runner:
        conditions = [("", ()), *(runner.hiding(each) for each in sets)]
        runner.run(conditions, range(seeds), "curve", "sets of features hidden")
        return runner.ablation(recording)
