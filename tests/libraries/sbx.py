# /// script
# requires-python = ">=3.11"
# dependencies = ["sbx-rl==0.28.0", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
# ///
"""SBX: PPO, DQN, SAC, TD3 and CrossQ.

The zips are packed again, since the library does not compress them, and without what is in them twice. They have the
code of some functions of JAX, with the paths of its files: write golden files in a folder whose name tells nothing.
"""

from __future__ import annotations

import os
import sys
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
warnings.simplefilter("ignore")

import flax  # noqa: E402
import gymnasium  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import sbx  # noqa: E402
from library_cases import write_case  # noqa: E402

ON_POLICY: dict[str, Any] = {"n_steps": 64, "batch_size": 32}
OFF_POLICY: dict[str, Any] = {"learning_starts": 20, "buffer_size": 300, "batch_size": 16}
CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "ppo": (sbx.PPO, "CartPole-v1", ON_POLICY),
    "ppo_box": (sbx.PPO, "Pendulum-v1", ON_POLICY),
    "dqn": (sbx.DQN, "CartPole-v1", OFF_POLICY),
    "sac": (sbx.SAC, "Pendulum-v1", OFF_POLICY),
    "td3": (sbx.TD3, "Pendulum-v1", OFF_POLICY),
    "crossq": (sbx.CrossQ, "Pendulum-v1", OFF_POLICY),
}
LARGE = ("crossq",)
"""Cases with a small optimizer: its functions are in the zip."""
TWICE = ["actor", "vf", "qf", "ent_coef_state", "replay_buffer", "rollout_buffer"]
"""Members of the algorithm that are members of its policy, or of training alone."""


def main(out: Path) -> None:
    """Write all cases into `out`."""
    for name, (algorithm, env, settings) in CASES.items():
        kwargs: dict[str, Any] = {"net_arch": [8, 8]}
        if name in LARGE:
            kwargs["optimizer_class"] = optax.sgd
        model = algorithm("MlpPolicy", env, policy_kwargs=kwargs, seed=1, **settings).learn(128)
        folder = out / name
        folder.mkdir(parents=True)
        model.save("model.zip", exclude=TWICE)
        with (
            zipfile.ZipFile("model.zip") as saved,
            zipfile.ZipFile(folder / "model.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
        ):
            for member in saved.namelist():
                if member != "system_info.txt":  # the name of the machine's system
                    packed.writestr(member, saved.read(member))
        write(model, env, folder)


def write(model: Any, env: str, folder: Path) -> None:
    """What the policy makes of some observations."""
    observations, policy = states(env), model.policy
    head, scores = scores_of(policy, observations)
    value = policy.vf.apply(policy.vf_state.params, observations)[:, 0] if hasattr(policy, "vf") else None
    write_case(
        folder,
        library="sbx-rl",
        version=version("sbx-rl"),
        file="model.zip",
        layout="sbx",
        head=head,
        env=env,
        observations=observations,
        scores=np.asarray(scores),
        actions=policy.predict(observations, deterministic=True)[0],
        value=None if value is None else np.asarray(value),
    )


def scores_of(policy: Any, observations: np.ndarray) -> tuple[str, Any]:
    """The deciding head and its outputs."""
    if not hasattr(policy, "actor"):
        return "q_value", policy.qf.apply(policy.qf_state.params, observations)
    state = policy.actor_state
    if hasattr(state, "batch_stats"):
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        return "mean", policy.actor.apply(variables, observations).distribution.mean()
    if isinstance(policy, sbx.td3.policies.TD3Policy):  # its output is squashed
        apply = flax.linen.Module.apply  # the policy's own one is compiled, and captures nothing
        _, layers = apply(policy.actor, state.params, observations, capture_intermediates=True)
        return "mean", layers["intermediates"]["Dense_2"]["__call__"][0]
    distribution = policy.actor.apply(state.params, observations)
    if hasattr(distribution, "logits"):
        return "logit", distribution.logits
    return "mean", (distribution.distribution if policy.squash_output else distribution).mean()


def states(env_id: str, rows: int = 16) -> np.ndarray:
    """Observations of an environment under random actions."""
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    env.reset(seed=1)
    return np.stack([env.step(env.action_space.sample())[0] for _ in range(rows)]).astype(np.float32)


if __name__ == "__main__":
    jax.config.update("jax_compilation_cache_dir", None)
    main(Path(sys.argv[1]).resolve())
