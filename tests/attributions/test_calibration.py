"""Every standard error is how far the values of other seeds are from one another."""

import pytest
import torch
from torch import nn

from rltools.attributions import find_method
from rltools.testing import PlainFunction

METHODS = {
    "smooth_grad": {"noise": 0.5},
    "var_grad": {"noise": 0.5},
    "rise": {"masks": 100},
    "sampled_shapley": {"permutations": 64},
}


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("name", METHODS)
def test_the_standard_error_is_that_of_other_seeds(name, activation):
    torch.manual_seed(0)
    score = PlainFunction(nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 2)).double(), 2)
    x, references = draw(4, 4), draw(8, 4, seed=1)
    method = find_method(name)
    runs = [method(score, x, references=references, seed=seed, **METHODS[name]) for seed in range(200)]
    std = torch.stack([run.values for run in runs]).std(0)
    message = torch.stack([run.standard_error for run in runs]).square().mean(0).sqrt()
    ratio = (message / std)[std > 1e-9]
    assert 0.9 < ratio.median() < 1.1


@pytest.mark.parametrize("references", [8, 32])
def test_that_of_decision_change_is_that_of_other_references(references):
    torch.manual_seed(0)
    net = nn.Linear(4, 3).double()
    score = PlainFunction(lambda x: net(x).argmax(-1, keepdim=True).double(), 1, categorical=True)
    x, method = draw(5, 4), find_method("decision_change")
    runs = [method(score, x, references=draw(references, 4, seed=seed)) for seed in range(200)]
    std = torch.stack([run.values for run in runs]).std(0)
    message = torch.stack([run.standard_error for run in runs]).square().mean(0).sqrt()
    assert 0.9 < (message / std)[std > 0].median() < 1.1
