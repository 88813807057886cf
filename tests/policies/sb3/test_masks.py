"""MaskablePPO: actions that are not allowed."""

import numpy as np
import pytest
import torch

from rltools.policies.base import Context
from rltools.policies.load import load_policy

NAMES = [
    f"MaskablePPO {observed} {acted}"
    for observed in ("vector", "cnn", "choice", "bits", "dict")
    for acted in ("discrete", "several", "flags")
]


def some_mask(policy, rows, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, sum(policy.branches))) < 0.4
    start = 0
    for size in policy.branches:
        mask[np.arange(rows), start + rng.integers(size, size=rows)] = True
        start += size
    return mask


@pytest.mark.parametrize("name", NAMES)
def test_masked_actions_are_the_librarys_own(make_model, draw, name, tmp_path):
    model = make_model(name)
    model.save(tmp_path / "model.zip")
    live = load_policy(model)
    loaded = load_policy(
        tmp_path / "model.zip",
        lambda: model.get_env().envs[0] if "cnn" not in name and "dict" not in name else model.get_env().venv.envs[0],
    )
    observations = draw(live.observation_space, rows=12)
    mask = some_mask(live, 12, seed=0)
    expected, _ = model.predict(observations, deterministic=True, action_masks=mask)
    unmasked, _ = model.predict(observations, deterministic=True)
    assert not np.array_equal(expected, unmasked)
    for policy in (live, loaded):
        assert policy.masked
        acted = policy.act(observations, Context(mask=torch.from_numpy(mask)))
        np.testing.assert_array_equal(acted.actions, expected)
        assert np.isfinite(acted.scores).all()
        np.testing.assert_array_equal(acted.scores, policy.act(observations, Context()).scores)
        assert torch.equal(acted.context.mask, torch.from_numpy(mask))


@pytest.mark.parametrize("acted", ["discrete", "several", "flags"])
def test_random_actions_follow_the_masked_distribution(make_model, draw, acted):
    model = make_model(f"MaskablePPO vector {acted}")
    policy = load_policy(model)
    observation = draw(policy.observation_space, rows=1)
    mask = some_mask(policy, 1, seed=3)
    rngs = [np.random.default_rng([0, row]) for row in range(3000)]
    context = Context(mask=torch.from_numpy(mask).expand(3000, -1))
    drawn = policy.act(np.repeat(observation, 3000, 0), context, deterministic=False, rngs=rngs).actions
    distribution = model.policy.get_distribution(torch.from_numpy(observation), action_masks=mask)
    several = getattr(distribution, "distributions", None) or [distribution.distribution]
    for values, choice in zip(drawn.reshape(3000, -1).T, several, strict=True):
        expected = choice.probs.detach().numpy()[0]
        np.testing.assert_allclose(np.bincount(values, minlength=len(expected)) / 3000, expected, atol=0.04)
        assert not np.isin(values, np.flatnonzero(expected == 0)).any()


def test_a_policy_that_was_not_trained_with_masks_takes_no_notice(make_model, draw):
    policy = load_policy(make_model("PPO"))
    observations = draw(policy.observation_space)
    mask = torch.zeros(6, 3, dtype=torch.bool)
    mask[:, 0] = True
    assert not policy.masked
    np.testing.assert_array_equal(
        policy.act(observations, Context(mask=mask)).actions, policy.act(observations, Context()).actions
    )
