"""An agent in the style of CleanRL: the user's own class, and a checkpoint that contains only tensors."""

from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

import rltools


class Agent(nn.Module):
    """CleanRL's PPO agent for vector observations; its actor returns raw logits."""

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.critic = nn.Sequential(
            nn.Linear(observations, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
        )
        self.actor = nn.Sequential(
            nn.Linear(observations, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions)
        )

    def get_action_and_value(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A sampled action, its log-probability, the entropy, and the value of the state."""
        distribution = Categorical(logits=self.actor(x))
        action = distribution.sample()
        return action, distribution.log_prob(action), distribution.entropy(), self.critic(x)


def save_checkpoint(path: Path) -> None:
    """Save an agent that balances the pole: the weights of a reference agent, renamed to those of this class."""
    network = rltools.load_policy("cartpole-ppo").module
    layers = {
        "actor.0": "mlp_extractor.policy_net.0",
        "actor.2": "mlp_extractor.policy_net.2",
        "actor.4": "action_net",
        "critic.0": "mlp_extractor.value_net.0",
        "critic.2": "mlp_extractor.value_net.2",
        "critic.4": "value_net",
    }
    weights = network.state_dict()
    torch.save(
        {
            f"{ours}.{part}": weights[f"{theirs}.{part}"]
            for ours, theirs in layers.items()
            for part in ("weight", "bias")
        },
        path,
    )


env = gymnasium.make("CartPole-v1")
agent = Agent(4, 2)
with TemporaryDirectory() as folder:
    checkpoint = Path(folder) / "agent.pt"
    save_checkpoint(checkpoint)
    # weights_only executes nothing from the file; for .safetensors use safetensors.torch.load_file(checkpoint)
    agent.load_state_dict(torch.load(checkpoint, weights_only=True))

policy = rltools.TorchPolicy(
    agent, env, heads={"logit": agent.actor, "value": agent.critic}, action_names=["left", "right"]
)
recording = rltools.record(policy, episodes=3)
rltools.explain(recording, policy, method="shapley")
for finding in rltools.summarize(recording).findings:
    print(finding)
