"""Whether the order of the features stays the same when the observation changes a little."""

import numpy as np
import torch

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.similarity import check_ordered, same_order
from rltools.metrics._support.value import Value, value_of_rows

DRAWS = 4
"""How many draws of noise the attribution is compared under."""
NOISE = 0.05
"""The std of the noise, in std of the feature over the recorded observations."""


@metric(
    question=Question.ROBUSTNESS,
    paper="Yeh et al.: On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019, for orders",
    better="higher",
    needs={"policy"},
    low=-1,
    high=1,
    counts="step",
    controls=("random", "std", "constant"),
    blind="Whether the order is right, or should change: every map that ignores the observation is perfectly stable.",
)
def noise_stability(case: Case) -> Value:
    """How alike the order of the features stays under noise of a twentieth of each feature's std.

    One-hot choices stay as they are, and so does the action that is explained.

    Args:
        case: an attribution with the policy.

    Returns:
        The mean rank correlation of the features by magnitude over steps and four draws, from -1 to 1.

    Raises:
        NotApplicableError: a single feature.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=20)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> table = rltools.assess(recording, policy, "noise_stability", steps=8)
        >>> float(table["constant"][0]), bool(table["separates"][0])
        (1.0, False)
    """
    check_ordered(case)
    before = case.magnitudes(case.values())
    x, scale = case.sample.x, NOISE * case.input_std
    for part in case.observed.parts:
        if part.leaf.kind == "choice":
            scale.reshape(-1, case.observed.size)[:, part.start : part.stop] = 0
    after = []
    for draw in range(DRAWS):
        noise = np.random.default_rng((case.seed, 3, draw)).normal(size=(len(x), scale.size)) * scale
        moved = x + torch.as_tensor(noise.reshape(x.shape)).to(x)
        after.append(same_order(before, case.magnitudes(case.values(x=moved))))
    return value_of_rows(np.stack(after, axis=1), case.sample.episodes)
