"""An agent in the manner of CleanRL: a class of the user's own, and a checkpoint that holds nothing but tensors."""

from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

import rltools


class Agent(nn.Module):
    """CleanRL's PPO agent for vectors; its actor gives raw logits."""

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.critic = nn.Sequential(
            nn.Linear(observations, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
        )
        self.actor = nn.Sequential(
            nn.Linear(observations, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions)
        )

    def get_action_and_value(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """An action that was drawn, its log-probability, the entropy and the state's value."""
        chances = Categorical(logits=self.actor(x))
        action = chances.sample()
        return action, chances.log_prob(action), chances.entropy(), self.critic(x)


def save_checkpoint(path: Path) -> None:
    """Save an agent that balances the pole: the weights of a reference agent under the names this class gives them."""
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
    # weights_only runs nothing that the file says; for .safetensors it is safetensors.torch.load_file(checkpoint)
    agent.load_state_dict(torch.load(checkpoint, weights_only=True))

policy = rltools.TorchPolicy(
    agent,
    env.observation_space,
    env.action_space,
    heads={"logit": agent.actor, "value": agent.critic},
    action_names=["left", "right"],
    environment=env.spec,
)
recording = rltools.record(policy, episodes=3)
rltools.explain(recording, policy, method="shapley")
for finding in rltools.summarize(recording).findings:
    print(finding)
