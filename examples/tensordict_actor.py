"""An actor in the style of TorchRL: a module that reads from a TensorDict and writes into it."""

import gymnasium
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import Tensor, nn

import rltools

torch.manual_seed(0)
env = gymnasium.make("Pendulum-v1")
net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1), nn.Tanh())
actor = TensorDictModule(net, in_keys=["observation"], out_keys=["action"])


def action(x: Tensor) -> Tensor:
    """The actor's action for observations `[batch, 3]`: a torque in [-2, 2]."""
    return 2 * actor(TensorDict({"observation": x}, batch_size=[len(x)]))["action"]


policy = rltools.TorchPolicy(actor, env, heads={"action": action})
recording = rltools.record(policy, episodes=2)
rltools.explain(recording, policy, method="integrated_gradients")
print(recording.to_xarray()["attribution_integrated_gradients"].mean("step").values)
