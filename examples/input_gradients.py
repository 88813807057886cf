"""The partial derivatives of a network's output with respect to its input, in four cases.

Run it with `python examples/input_gradients.py`.
"""

from __future__ import annotations

import torch
from torch import nn

import rltools


def linear_regression() -> torch.Tensor:
    """For a linear regression: exactly the weights."""
    regression = nn.Linear(5, 1)
    gradient = rltools.input_gradient(regression, torch.randn(1, 5))
    assert torch.equal(gradient, regression.weight)
    return gradient


def mean_of_sigmoids() -> torch.Tensor:
    """For the mean of ten sigmoids: s (1 - s) / 10."""
    x = torch.randn(1, 10)
    gradient = rltools.input_gradient(torch.sigmoid, x, reduce="mean")
    s = torch.sigmoid(x)
    torch.testing.assert_close(gradient, s * (1 - s) / 10)
    return gradient


def pixels() -> torch.Tensor:
    """For one class score of a convolutional network: which pixels raise it, and which lower it."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 10))
    image = torch.rand(1, 3, 28, 28)
    return rltools.input_gradient(net, image, reduce=lambda scores: scores[0, 7])


def selected_action() -> dict[str, float]:
    """For the logit of the action that a trained agent selects, by the names of the features."""
    policy = rltools.load_policy("cartpole-ppo")
    leaning_right = torch.tensor([[0.0, 0.0, 0.1, 0.0]]).numpy()
    attribution = rltools.attribute(policy, leaning_right, target="logit:chosen")
    return {name: float(attribution[name][0, 0]) for name in policy.features.names}


if __name__ == "__main__":
    torch.manual_seed(0)
    print("1. linear regression:", [round(value, 3) for value in linear_regression()[0].tolist()])
    print("2. mean of sigmoids: ", [round(value, 3) for value in mean_of_sigmoids()[0].tolist()])
    print("3. pixels:           ", list(pixels().shape), "largest", round(float(pixels().abs().max()), 3))
    print("4. selected action:  ", {name: round(value, 3) for name, value in selected_action().items()})
