# /// script
# requires-python = ">=3.11"
# dependencies = ["stable-baselines3>=2.7", "gymnasium[classic-control]>=1.2,<2", "torch>=2.10", "numpy"]
# ///
"""torch.export: an agent of Stable-Baselines3 as a .pt2, whole and decomposed, convolutions, and memories.

What is expected is what the network itself computes. Lines of source code, which the exporter writes into nodes, are
removed, so that the cases say nothing of the machine that made them; so are the inputs that it was traced with.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from library_cases import write_case
from stable_baselines3 import PPO
from torch import Tensor, nn

ROWS, STEPS = 6, 4
BATCH = torch.export.Dim("batch", min=1, max=4096)


class Logits(nn.Module):
    """The logits of a PPO of Stable-Baselines3."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.latent, self.head = policy.mlp_extractor.policy_net, policy.action_net

    def forward(self, obs: Tensor) -> Tensor:
        """`obs [batch, feature]` -> logits."""
        logits: Tensor = self.head(self.latent(obs))
        return logits


class Pixels(nn.Module):
    """The network of DQN's paper, with few channels, for images with the channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 8, 4), nn.ReLU(), nn.Conv2d(4, 4, 4, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 1), nn.ReLU()
        )
        self.head = nn.Sequential(nn.Linear(256, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, obs: Tensor) -> Tensor:
        """`obs [batch, channel, y, x]` in 0..255 -> means."""
        x = self.layers(obs / 255.0)
        mean: Tensor = self.head(x.view(x.shape[0], -1))
        return mean


class Remembering(nn.Module):
    """A normalizer, a recurrent layer and an MLP with layer normalization, which also gives a value."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor([0.1, -0.2, 0.5]))
        self.memory = (nn.LSTM if kind == "lstm" else nn.GRU)(3, 6)
        self.head = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ELU(), nn.Linear(8, 2))

    def after(self, obs: Tensor, states: Any) -> tuple[Tensor, Any]:
        """Means, and the next states."""
        y, after = self.memory((obs - self.offset).clamp(-5, 5).unsqueeze(0), states)
        mean, gate = self.head(y.squeeze(0)).chunk(2, dim=-1)
        return 2 * torch.tanh(mean) * torch.sigmoid(gate), after


class Lstm(Remembering):
    """With an LSTM."""

    def forward(self, obs: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`obs [batch, feature]` and states `[1, batch, 6]` -> means and the next states."""
        mean, (h, c) = self.after(obs, (h, c))
        return mean, h, c


class Gru(Remembering):
    """With a GRU."""

    def forward(self, obs: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """`obs [batch, feature]` and a state `[1, batch, 6]` -> means and the next state."""
        return self.after(obs, h)


def main(out: Path) -> None:
    """Write all cases into `out`."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ppo = PPO("MlpPolicy", "CartPole-v1", n_steps=128, seed=0, policy_kwargs={"net_arch": [8, 8]}, device="cpu")
    logits, poles = Logits(ppo.learn(256).policy), rng.normal(size=(ROWS, 4)).astype(np.float32)
    case(out / "sb3_ppo", logits, poles, "CartPole-v1", "logit")
    case(out / "sb3_ppo_decomposed", logits, poles, "CartPole-v1", "logit", decomposed=True)
    y, x, channel = np.indices((96, 96, 3))
    pictures = np.stack([30 * (x // 16 + row) % 256 + 20 * channel + (y > 40) for row in range(3)]).astype(np.uint8)
    case(out / "convolutions", Pixels(), pictures, "CarRacing-v3", "mean")
    case(out / "convolutions_decomposed", Pixels(), pictures, "CarRacing-v3", "mean", decomposed=True)
    for name, network in (("lstm", Lstm("lstm")), ("gru", Gru("gru"))):
        case(out / name, network, rng.normal(size=(STEPS, ROWS, 3)).astype(np.float32), "Pendulum-v1", "mean")


def case(
    folder: Path, network: nn.Module, observations: np.ndarray, env: str, head: str, *, decomposed: bool = False
) -> None:
    """Export a network, and write what it computes for some observations, of a recurrent one step by step."""
    folder.mkdir(parents=True)
    network.eval()
    recurrent = isinstance(network, Remembering)
    # Each a tensor of its own: the exporter takes the same tensor twice for one input.
    states = [torch.zeros(1, ROWS, 6) for _ in range(0 if not recurrent else 2 if isinstance(network, Lstm) else 1)]
    seen = [torch.from_numpy(step).float() for step in (observations if recurrent else observations[None])]
    seen = [step.permute(0, 3, 1, 2).contiguous() if step.ndim == 4 else step for step in seen]
    axes = [{0: BATCH}, *[{1: BATCH}] * len(states)]
    program = torch.export.export(network, (seen[0], *states), dynamic_shapes=tuple(axes))
    if decomposed:
        program = program.run_decompositions()
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    program.example_inputs = None
    torch.export.save(program, folder / "policy.pt2")
    scores = []
    for step in seen:
        with torch.no_grad():
            outputs = network(step, *states)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        scores.append(outputs[0].numpy())
        states = [*outputs[1:]]
    raw = np.stack(scores) if recurrent else scores[0]
    low, high = {"Pendulum-v1": (-2, 2), "CarRacing-v3": ([-1, 0, 0], 1)}.get(env, (None, None))
    write_case(
        folder,
        library="torch",
        version=torch.__version__.partition("+")[0],
        file="policy.pt2",
        layout=None,
        head=head,
        env=env,
        observations=observations,
        scores=raw,
        actions=raw.argmax(-1) if low is None else np.clip(raw, low, high),
        options={"head": head},
        synthetic=not folder.name.startswith("sb3"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
