# /// script
# requires-python = ">=3.11"
# dependencies = ["ray[rllib]==2.60.0", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy", "msgpack"]
# ///
"""RLlib: the default modules of PPO, DQN and SAC, saved with their Algorithm or alone, as pickles and as msgpack.

Of the folder of an Algorithm only what is read is kept: the rest is large, and pickles of classes.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}
warnings.simplefilter("ignore")

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
import ray  # noqa: E402
import torch  # noqa: E402
from library_cases import write_case  # noqa: E402
from ray.rllib.algorithms.dqn import DQNConfig  # noqa: E402
from ray.rllib.algorithms.ppo import PPOConfig  # noqa: E402
from ray.rllib.algorithms.sac import SACConfig  # noqa: E402
from ray.rllib.connectors.env_to_module import MeanStdFilter  # noqa: E402
from ray.rllib.core.columns import Columns  # noqa: E402
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig  # noqa: E402
from ray.rllib.utils.spaces.space_utils import unsquash_action  # noqa: E402

KEPT = ("rllib_checkpoint.json", "learner_group/learner/rl_module/", "env_runner/env_to_module_connector/")
ON_POLICY: dict[str, Any] = {"train_batch_size_per_learner": 128, "minibatch_size": 64, "num_epochs": 2}
OFF_POLICY: dict[str, Any] = {
    "train_batch_size_per_learner": 16,
    "num_steps_sampled_before_learning_starts": 32,
    "replay_buffer_config": {"type": "EpisodeReplayBuffer", "capacity": 1000},
}
Case = tuple[Any, str, dict[str, Any], dict[str, Any]]
CASES: dict[str, Case] = {
    "ppo": (PPOConfig, "CartPole-v1", {}, ON_POLICY),
    "ppo_box": (PPOConfig, "Pendulum-v1", {}, ON_POLICY),
    "ppo_separate": (PPOConfig, "CartPole-v1", {"vf_share_layers": False, "fcnet_use_layernorm": True}, ON_POLICY),
    "ppo_free_std": (PPOConfig, "Pendulum-v1", {"free_log_std": True, "head_fcnet_hiddens": [6]}, ON_POLICY),
    "ppo_relu": (PPOConfig, "CartPole-v1", {"fcnet_activation": "relu"}, ON_POLICY),
    "ppo_lstm": (PPOConfig, "CartPole-v1", {"use_lstm": True, "lstm_cell_size": 8, "max_seq_len": 5}, ON_POLICY),
    "ppo_filter": (PPOConfig, "Pendulum-v1", {}, ON_POLICY),
    "dqn": (DQNConfig, "CartPole-v1", {}, OFF_POLICY),
    "dqn_plain": (DQNConfig, "CartPole-v1", {}, OFF_POLICY | {"dueling": False}),
    "sac": (SACConfig, "Pendulum-v1", {"fusionnet_hiddens": [8, 8]}, OFF_POLICY),
    "sac_discrete": (SACConfig, "CartPole-v1", {}, OFF_POLICY),
}
WHOLE = ("ppo", "ppo_filter")
"""Cases that are the folder of an Algorithm."""
FOR_INFERENCE = "ppo_box"
"""The case whose module is the one that acts, which has no critic."""


def main(out: Path) -> None:
    """Write all cases into `out`."""
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=80 * 2**20,
    )
    try:
        for name, case in CASES.items():
            with trained(*case, filtered=name == "ppo_filter") as algorithm:
                save(algorithm, name, out / name)
                write(algorithm, name, case, out / name)
    finally:
        ray.shutdown()


@contextmanager
def trained(kind: Any, env: str, model: dict[str, Any], training: dict[str, Any], *, filtered: bool) -> Iterator[Any]:
    """An algorithm after a few hundred steps in this process."""
    config = kind().environment(env).learners(num_learners=0).debugging(seed=3).training(**training)
    config = config.rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[8, 8], **model))
    if kind is SACConfig and env == "CartPole-v1":
        config = config.training(target_entropy=0.1)
    connector = (lambda env, spaces=None, device=None: MeanStdFilter()) if filtered else None
    fragment = 64 if kind is PPOConfig else 1
    config = config.env_runners(num_env_runners=0, rollout_fragment_length=fragment, env_to_module_connector=connector)
    if kind is not PPOConfig:
        config = config.reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=100)
    algorithm = config.build_algo()
    try:
        for _ in range(2):
            algorithm.train()
        yield algorithm
    finally:
        algorithm.stop()


def save(algorithm: Any, name: str, folder: Path) -> None:
    """Save an algorithm, or its module alone."""
    folder.mkdir(parents=True)
    if name not in WHOLE:
        module_of(algorithm, name).save_to_path(str(folder), use_msgpack=name == FOR_INFERENCE)
        (folder / "class_and_ctor_args.pkl").unlink()
        return
    work = Path("checkpoint").resolve()
    algorithm.save_to_path(str(work))
    for file in (path for path in work.rglob("*") if path.is_file()):
        inner = file.relative_to(work).as_posix()
        if inner.startswith(KEPT) and file.name != "class_and_ctor_args.pkl":
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / inner)
    shutil.rmtree(work)


def module_of(algorithm: Any, name: str) -> Any:
    """The module that acts, or the one that learns."""
    if name == FOR_INFERENCE:
        return algorithm.get_module()
    return algorithm.learner_group._learner.module["default_policy"]


def write(algorithm: Any, name: str, case: Case, folder: Path) -> None:
    """What the module makes of some observations."""
    _, env, model, _ = case
    module, space = module_of(algorithm, name).eval(), gymnasium.make(env).action_space
    observations = states(env)
    seen = torch.from_numpy(normalized(algorithm, observations) if name == "ppo_filter" else observations)
    batch: dict[str, Any] = {Columns.OBS: seen}
    if name == "ppo_lstm":
        observations = observations.reshape(8, 2, -1)
        batch[Columns.OBS] = torch.from_numpy(observations).transpose(0, 1)  # [batch, step, feature]
        batch[Columns.STATE_IN] = {
            key: zeros.expand(2, *zeros.shape) for key, zeros in module.get_initial_state().items()
        }
    head, value = "logit", None
    with torch.no_grad():
        if name.startswith("dqn"):
            head, scores = "q_value", module.compute_q_values(batch)["qf_preds"]
            actions = scores.argmax(-1)
            if name == "dqn":
                value = module.vf(module.encoder(batch)["encoder_out"]).squeeze(-1)
        else:
            scores = module.forward_inference(batch)[Columns.ACTION_DIST_INPUTS]
            distribution = module.get_inference_action_dist_cls().from_logits(scores)
            actions = distribution.to_deterministic().sample()
            if name.startswith("ppo") and name != FOR_INFERENCE:
                value = module.compute_values(batch)
    if env == "Pendulum-v1":
        head, scores = "mean", scores[..., : space.shape[0]]
        actions = np.stack([unsquash_action(action, space) for action in actions.numpy()])
    arrays = {"scores": scores, "actions": actions, "value": value}
    if name == "ppo_lstm":  # [step, batch]
        arrays = {key: array.transpose(0, 1) for key, array in arrays.items()}
    options = {"activation": "relu"} if model.get("fcnet_activation") == "relu" else {}
    write_case(
        folder,
        library="ray",
        version=ray.__version__,
        file=".",
        layout="rllib",
        head=head,
        env=env,
        observations=observations,
        options=options,
        **arrays,
    )


def states(env_id: str, rows: int = 16) -> np.ndarray:
    """Observations of an environment under random actions."""
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    env.reset(seed=1)
    return np.stack([env.step(env.action_space.sample())[0] for _ in range(rows)]).astype(np.float32)


def normalized(algorithm: Any, observations: np.ndarray) -> np.ndarray:
    """What the filter of an algorithm makes of observations."""
    connector = next(each for each in algorithm.env_runner._env_to_module.connectors if isinstance(each, MeanStdFilter))
    return np.stack([connector._filters[None](row, update=False) for row in observations])


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
