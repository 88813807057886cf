# /// script
# requires-python = ">=3.11"
# dependencies = ["flax==0.12.8", "jax==0.10.2", "gymnasium[classic-control]>=1.2,<2", "numpy"]
# ///
"""flax: parameters in msgpack, arranged as CleanRL's scripts in JAX arrange them, of narrow networks without training.

Those scripts need versions of JAX and Gymnasium that no package index offers together any more.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from flax.serialization import to_bytes
from library_cases import write_case


class Layers(nn.Module):
    """Dense layers in a row, after convolutions if there are images."""

    widths: tuple[int, ...]
    images: bool = False
    ends_with_activation: bool = False
    activation: Any = nn.relu

    @nn.compact
    def __call__(self, x: Any) -> Any:
        """`[batch, feature]`, or `[batch, frame, y, x]` of bytes -> `[batch, the last width]`."""
        if self.images:
            x = jnp.transpose(x, (0, 2, 3, 1)) / 255.0
            for kernel, stride in ((8, 4), (4, 2), (3, 1)):
                x = self.activation(nn.Conv(4, (kernel, kernel), (stride, stride), padding="VALID")(x))
            x = x.reshape((x.shape[0], -1))
        for number, width in enumerate(self.widths, start=1):
            x = nn.Dense(width, bias_init=nn.initializers.normal(0.1))(x)
            if number < len(self.widths) or self.ends_with_activation:
                x = self.activation(x)
        return x


def main(out: Path) -> None:
    """Write all cases into `out`."""
    keys = iter(jax.random.split(jax.random.PRNGKey(1), 20))
    q_values(out / "dqn", keys)
    distribution(out / "c51", keys)
    deterministic(out / "td3", keys)
    images(out / "ppo_atari", keys)
    own(out / "own", keys)


def q_values(folder: Path, keys: Any) -> None:
    """dqn_jax.py: the parameters alone."""
    network, observations = Layers((12, 8, 2)), states("CartPole-v1")
    params = network.init(next(keys), observations)
    scores = network.apply(params, observations)
    case(
        folder,
        params,
        head="q_value",
        env="CartPole-v1",
        observations=observations,
        scores=scores,
        actions=scores.argmax(1),
    )


def distribution(folder: Path, keys: Any) -> None:
    """c51_jax.py: the parameters and the arguments."""
    atoms, network, observations = 11, Layers((12, 8, 22)), states("CartPole-v1")
    params = network.init(next(keys), observations)
    probabilities = nn.softmax(network.apply(params, observations).reshape(-1, 2, atoms), axis=-1)
    scores = (probabilities * np.linspace(-100, 100, atoms)).sum(-1)
    saved = {
        "model_weights": params,
        "args": {"n_atoms": atoms, "v_min": -100.0, "v_max": 100.0, "env_id": "CartPole-v1"},
    }
    case(
        folder,
        saved,
        head="q_value",
        env="CartPole-v1",
        observations=observations,
        scores=scores,
        actions=scores.argmax(1),
    )


def deterministic(folder: Path, keys: Any) -> None:
    """td3_continuous_action_jax.py: an actor and two critics."""
    actor, critic, observations = Layers((12, 8, 1)), Layers((12, 8, 1)), states("Pendulum-v1")
    params = actor.init(next(keys), observations)
    critics = [critic.init(next(keys), np.zeros((1, 4))) for _ in range(2)]
    mean = actor.apply(params, observations)
    actions = np.tanh(mean) * 2
    case(
        folder,
        [params, *critics],
        head="mean",
        env="Pendulum-v1",
        observations=observations,
        scores=mean,
        actions=actions,
    )


def images(folder: Path, keys: Any) -> None:
    """ppo_atari_envpool_xla_jax.py: the arguments, a network of images, an actor and a critic."""
    space = gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    observations = (
        np.random.default_rng(1).integers(0, 256, (4, 4, 6, 6)).repeat(14, -1).repeat(14, -2).astype(np.uint8)
    )
    network, actor, critic = Layers((8,), images=True, ends_with_activation=True), Layers((4,)), Layers((1,))
    params = network.init(next(keys), observations)
    hidden = network.apply(params, observations)
    of_actor, of_critic = actor.init(next(keys), hidden), critic.init(next(keys), hidden)
    scores = actor.apply(of_actor, hidden)
    case(
        folder,
        [{"env_id": "Breakout-v5", "gamma": 0.99, "anneal_lr": True, "target_kl": None}, [params, of_actor, of_critic]],
        head="logit",
        observation_space=space,
        action_space=gymnasium.spaces.Discrete(4),
        observations=observations,
        scores=scores,
        actions=scores.argmax(1),
        value=critic.apply(of_critic, hidden)[:, 0],
    )


def own(folder: Path, keys: Any) -> None:
    """A network of one's own."""
    network, observations = Layers((8, 8, 2), activation=nn.tanh), states("CartPole-v1")
    params = network.init(next(keys), observations)
    scores = network.apply(params, observations)
    options = {"activation": "tanh", "head": "logit"}
    case(
        folder,
        params,
        "network.msgpack",
        head="logit",
        env="CartPole-v1",
        observations=observations,
        scores=scores,
        actions=scores.argmax(1),
        options=options,
    )


def case(folder: Path, saved: Any, file: str = "agent.cleanrl_model", **expected: Any) -> None:
    """Save parameters, and write the case."""
    folder.mkdir(parents=True)
    (folder / file).write_bytes(to_bytes(saved))
    arrays = {key: np.asarray(each) if isinstance(each, jax.Array) else each for key, each in expected.items()}
    write_case(folder, library="flax", version=version("flax"), file=file, layout="flax", synthetic=True, **arrays)


def states(env_id: str, rows: int = 16) -> np.ndarray:
    """Observations of an environment under random actions."""
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    env.reset(seed=1)
    return np.stack([env.step(env.action_space.sample())[0] for _ in range(rows)]).astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
