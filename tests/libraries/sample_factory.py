# /// script
# requires-python = ">=3.11"
# dependencies = ["sample-factory==2.1.1", "gymnasium[classic-control]==0.29.1", "numpy<2", "torch"]
# ///
"""Sample Factory: its encoders, cores and decoders, with shared and separate critics; whole run folders."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from library_cases import write_case
from sample_factory.algo.utils.action_distributions import argmax_actions
from sample_factory.algo.utils.rl_utils import prepare_and_normalize_obs
from sample_factory.algo.utils.tensor_dict import TensorDict
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.model.actor_critic import create_actor_critic
from sample_factory.model.model_utils import get_rnn_size
from sample_factory.train import run_rl

STEPS, ROWS = 6, 3
COMMON = (
    "--train_dir=train_dir --device=cpu --seed=1 --serial_mode=True --async_rl=False --num_workers=1 "
    "--num_envs_per_worker=4 --worker_num_splits=1 --train_for_env_steps=1500 --rollout=32 --recurrence=32 "
    "--batch_size=128 --num_batches_per_epoch=1 --num_epochs=2 --with_wandb=False --keep_checkpoints=1 "
    "--decorrelate_experience_max_seconds=0 --learning_rate=0.01 --encoder_mlp_layers 8 8"
)
CASES = {
    "mlp": ("CartPole-v1", "--use_rnn=False"),
    "gru": ("CartPole-v1", "--use_rnn=True --rnn_size=6 --nonlinearity=tanh --decoder_mlp_layers 8"),
    "lstm": (
        "Pendulum-v1",
        "--use_rnn=True --rnn_type=lstm --rnn_size=6 --rnn_num_layers=2 --nonlinearity=relu --reward_scale=0.1 "
        "--adaptive_stddev=False --continuous_tanh_scale=1.5",
    ),
    "separate": (
        "Pendulum-v1",
        "--use_rnn=False --actor_critic_share_weights=False --normalize_input=False --obs_subtract_mean=0.25 "
        "--obs_scale=2 --normalize_returns=False --save_best_every_sec=1 --save_best_after=200 "
        "--load_checkpoint_kind=best",
    ),
}
IMAGES = "--encoder_conv_architecture=convnet_impala --encoder_conv_mlp_layers 4 --use_rnn=False --obs_scale=255"


def main(out: Path) -> None:
    """Write all cases into `out`."""
    for name, (env_id, settings) in CASES.items():
        register_env(env_id, make)
        cfg = config(f"--env={env_id} --experiment={name} {COMMON} {settings}")
        run_rl(cfg)
        write(out / name, cfg, gymnasium.make(env_id), synthetic=False)
    images(out / "images")


def make(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gymnasium.Env:
    """An environment of Gymnasium, as the library wants to make it."""
    return gymnasium.make(full_env_name, render_mode=render_mode)


def config(arguments: str) -> Any:
    """The library's configuration from its command line."""
    parser, _ = parse_sf_args(arguments.split())
    return parse_full_cfg(parser, arguments.split())


class Images(gymnasium.Env):
    """Small images, whose convolutions make a small file."""

    observation_space = gymnasium.spaces.Box(0, 255, (1, 20, 20), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Blocks of random brightness."""
        super().reset(seed=seed)
        return self._image(), {}

    def step(self, action: Any) -> Any:
        """Others."""
        return self._image(), 1.0, False, False, {}

    def _image(self) -> np.ndarray:
        return self.np_random.integers(0, 256, (1, 5, 5)).repeat(4, -1).repeat(4, -2).astype(np.uint8)


def images(folder: Path) -> None:
    """An agent of images, which is not trained, so that its optimizer has no moments and the file is small."""
    torch.manual_seed(1)
    cfg = config(f"--env=Images-v0 --experiment=images {COMMON} {IMAGES}")
    run = Path(cfg.train_dir) / "images"
    (run / "checkpoint_p0").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(vars(cfg), indent=2), encoding="utf-8")
    env = Images()
    actor_critic = model(cfg, env)
    with torch.no_grad():
        actor_critic.action_parameterization.distribution_linear.weight.mul_(20)
    observations = torch.from_numpy(np.stack([env.reset(seed=row)[0] for row in range(64)]))
    actor_critic.train()
    actor_critic.normalize_obs(TensorDict(obs=observations))
    actor_critic.eval()
    optimizer = torch.optim.Adam(actor_critic.parameters())
    state = {
        "train_step": 0,
        "env_steps": 0,
        "best_performance": -1e9,
        "model": actor_critic.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curr_lr": 1e-4,
    }
    torch.save(state, run / "checkpoint_p0" / "checkpoint_000000000_0.pth")
    write(folder, cfg, env, synthetic=True)


def model(cfg: Any, env: gymnasium.Env) -> Any:
    """The network of a configuration, untrained."""
    network = create_actor_critic(cfg, gymnasium.spaces.Dict({"obs": env.observation_space}), env.action_space)
    network.eval()
    return network


@torch.no_grad()
def write(folder: Path, cfg: Any, env: gymnasium.Env, synthetic: bool) -> None:
    """The run's configuration and checkpoint, and what the network makes of some observations."""
    run = Path(cfg.train_dir) / cfg.experiment
    kind = {"latest": "checkpoint", "best": "best"}[cfg.load_checkpoint_kind]
    checkpoint = max((run / "checkpoint_p0").glob(f"{kind}_*.pth"))
    copied = folder / cfg.experiment / "checkpoint_p0"
    copied.mkdir(parents=True)
    shutil.copy(checkpoint, copied)
    shutil.copy(run / "config.json", copied.parent)
    network = model(cfg, env)
    network.load_state_dict(torch.load(checkpoint, weights_only=False)["model"])
    env.action_space.seed(1)
    rows = [[env.reset(seed=row)[0]] for row in range(ROWS)]
    for row in rows:
        env.reset(seed=len(row))
        row += [env.step(env.action_space.sample())[0] for _ in range(STEPS - 1)]
    observations = np.stack(rows, axis=1)
    states = torch.zeros(ROWS, get_rnn_size(cfg))
    scores, actions, values = [], [], []
    for step in observations:
        result = network(prepare_and_normalize_obs(network, TensorDict(obs=torch.from_numpy(step))), states)
        states = result["new_rnn_states"]
        value = result["values"].clone()
        if network.returns_normalizer is not None:
            network.returns_normalizer(value, denormalize=True)
        action = argmax_actions(network.action_distribution())
        space, raw = env.action_space, result["action_logits"]
        is_box = isinstance(space, gymnasium.spaces.Box)
        scores.append(raw[:, : space.shape[0]] if is_box else raw)
        # The library hands means to the environment as they are, and Pendulum clips them.
        actions.append(np.clip(action.numpy(), space.low, space.high) if is_box else action.numpy())
        values.append(value)
    join = np.stack if cfg.use_rnn else np.concatenate
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    write_case(
        folder,
        library="sample-factory",
        version=version("sample-factory"),
        file=cfg.experiment,
        layout="sample_factory",
        head="mean" if is_box else "logit",
        observations=observations if cfg.use_rnn else observations.reshape(-1, *env.observation_space.shape),
        scores=join([each.numpy() for each in scores]),
        actions=join(actions),
        value=join([each.numpy() for each in values]),
        synthetic=synthetic,
        **(spaces if synthetic else {"env": cfg.env}),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
