"""Many choices made at once: each score is of its own choice, and what it takes is linear in their number."""

import pytest
import torch
from gymnasium.spaces import Box, MultiBinary, MultiDiscrete
from torch import nn

import rltools
from rltools.policies.actions import branches
from rltools.policies.base import Context
from rltools.targets import make_target_function, parse_target, read_scalars

SPACES = {"bits": MultiBinary(3), "mixed": MultiDiscrete([2, 3, 2, 4]), "sizes in turn": MultiDiscrete([3, 2, 3])}
CENTERED = "centered"


def policy_of(space):
    torch.manual_seed(0)
    count = sum(branches(space))
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, count)).double()
    return rltools.TorchPolicy(net, Box(-1, 1, (3,)), space, dtype=torch.float64)


def context_of(policy, rows, mask=None):
    """Rows in which the first allowed action of each choice is not always the chosen one."""
    scores = torch.randn(rows, len(policy.action_names), dtype=torch.float64)
    allowed = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    chosen = torch.stack([part.argmax(1) for part in torch.split(allowed, policy.branches, dim=1)], dim=1)
    return Context(action=chosen, scores=scores, mask=mask)


def some_allowed(policy, rows):
    """Each action but the first of its choice is forbidden in some rows."""
    mask = torch.rand(rows, len(policy.action_names)) < 0.6
    mask[:, [sum(policy.branches[:choice]) for choice in range(len(policy.branches))]] = True
    return mask


def by_loops(name, scores, allowed):
    """A score of all actions of one choice in one row, from its definition."""
    numbers = [float(score) for score, may in zip(scores, allowed, strict=True) if may]
    if name == CENTERED:
        return scores - sum(numbers) / len(numbers)
    total = sum(torch.tensor(number, dtype=torch.float64).exp() for number in numbers)
    chances = torch.where(allowed, scores.exp() / total, 0.0)
    return chances if name == "probability" else chances.log()


@pytest.mark.parametrize("masked", [False, True], ids=["all allowed", "masked"])
@pytest.mark.parametrize("name", [CENTERED, "probability", "log_probability", "entropy"])
@pytest.mark.parametrize("space", SPACES)
def test_each_score_is_of_its_own_choice(space, name, masked):
    policy = policy_of(SPACES[space])
    torch.manual_seed(1)
    mask = some_allowed(policy, 6) if masked else None
    allowed = torch.ones(6, len(policy.action_names), dtype=torch.bool) if mask is None else mask
    output = torch.randn(6, 2, len(policy.action_names), dtype=torch.float64)  # two copies of each row
    text = name if name == "entropy" else f"{name}:all"
    values = read_scalars(policy, parse_target(text, policy), Context(mask=mask))({"logit": output})
    for row in range(6):
        for copy in range(2):
            scores, of_row = output[row, copy].split(policy.branches), allowed[row].split(policy.branches)
            pairs = list(zip(scores, of_row, strict=True))
            if name == "entropy":
                logs = [by_loops("log_probability", *pair)[pair[1]] for pair in pairs]
                expected = -sum((part.exp() * part).sum() for part in logs).reshape(1)
                exists = torch.tensor([True])
            else:
                expected = torch.cat([by_loops(name, *pair) for pair in pairs])
                exists = torch.ones_like(allowed[row]) if name != "log_probability" else allowed[row]
            torch.testing.assert_close(values[row, copy][exists], expected[exists])


TARGETS = [
    *("centered:chosen", "centered:all", "logit:runner_up", "probability:chosen - runner_up", "log_probability:all"),
    *("centered:chosen[1]", "centered:0", "logit:0 - 4", "centered:chosen & log_probability:all & logit:chosen[0]"),
    *("centered:chosen & entropy", "kl", "centered:chosen & probability:1"),
]


@pytest.mark.parametrize("text", TARGETS)
@pytest.mark.parametrize("space", SPACES)
def test_gradients_of_all_choices_at_once_are_those_of_each_scalar_alone(space, text):
    policy = policy_of(SPACES[space])
    torch.manual_seed(2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    score = make_target_function(policy, parse_target(text, policy), context_of(policy, 5))
    assert score._passes(x, 2) is not None, "the policy has vector-Jacobian products"
    gradients = score.gradients(x)
    leaf = x.clone().requires_grad_()
    alone = [torch.autograd.grad(score(leaf)[..., scalar].sum(), leaf)[0] for scalar in range(score.outputs)]
    torch.testing.assert_close(gradients, torch.stack(alone))


def test_a_choice_without_a_runner_up_is_no_number_and_spoils_no_other():
    policy = policy_of(SPACES["mixed"])
    mask = torch.ones(3, 11, dtype=torch.bool)
    mask[1, 3:5] = False  # of the second choice of the second row only its first action is allowed
    context = context_of(policy, 3, mask)
    x = torch.randn(3, 3, dtype=torch.float64)
    gradients = make_target_function(policy, parse_target("logit:runner_up", policy), context).gradients(x)
    missing = gradients.isnan().all(-1)
    assert missing.nonzero().tolist() == [[1, 1]]
    assert gradients[~missing].isfinite().all()


@pytest.mark.parametrize("text", ["centered:chosen", "log_probability:all", "entropy", "centered:chosen - runner_up"])
def test_a_thousand_choices_take_as_many_passes_as_three(text, monkeypatch):
    counts = []
    for bits in (3, 1000):
        policy = policy_of(MultiBinary(bits))
        score = make_target_function(policy, parse_target(text, policy), context_of(policy, 2))
        x = torch.zeros(2, 3, dtype=torch.float64)
        passes, grad = [], torch.autograd.grad

        def counted(*args, passes=passes, grad=grad, **options):
            passes.append(args)
            return grad(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr("torch.autograd.grad", counted)
            gradients = score.gradients(x)
        assert len(gradients) == {"entropy": 1, "log_probability:all": 2 * bits}.get(text, bits)
        counts.append((len(passes), nodes(score(x.requires_grad_()))))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 2


def nodes(tensor):
    """How many operations its derivative walks through."""
    seen, ahead = set(), [tensor.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            ahead += [following for following, _ in node.next_functions]
    return len(seen)
