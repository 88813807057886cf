"""Attributions of each action while the agent acts."""

import gymnasium

import rltools

policy = rltools.load_policy("cartpole-ppo")
env = rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), policy)
env.reset(seed=0)
for _step in range(3):
    *_, info = env.step_policy()
    print({name: f"{value:+.3f}" for name, value in zip(env.features.names, info["attribution"], strict=True)})
