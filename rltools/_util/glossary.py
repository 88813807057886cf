"""The terms that pages, plots, videos and the terminal share: what each means, and which page says more.

Whatever explains a word takes its meaning from here, so that one word means one thing everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word, and what it means.

    Attributes:
        name: as it is written; `{}` stands for the quantity that it is of.
        meaning: in plain words, to be read after "is"; without a full stop.
        link: the page of the documentation that says more.
    """

    name: str
    meaning: str
    link: str


def _terms(link: str, **meanings: str | tuple[str, str]) -> dict[str, Term]:
    """Terms that share a link; each value is a meaning, or a name and a meaning."""
    terms = {}
    for key, value in meanings.items():
        name, meaning = value if isinstance(value, tuple) else (key.replace("_", " "), value)
        terms[key] = Term(name, meaning, link)
    return terms


ACTIONS = _terms(
    "docs/targets.md",
    chosen=("the action taken", "the action taken"),
    runner_up=("the runner-up", "the best action other than the one taken"),
    all=("each action", "each action"),
)
"""The action that a target names."""

ENDINGS = _terms(
    "docs/uncertainty.md",
    terminated="terminated by the environment",
    truncated="truncated by the environment",
    limit="stopped at the step limit",
    fault="stopped by a fault",
)
"""How an episode ended."""

SAME_ORDER = "1 is the same order, 0 an unrelated one"
"""How to read a rank agreement."""
SAME_ORDER_BRIEF = "1 the same order, 0 unrelated"
"""How to read a rank agreement, in small print."""

TERMS = _terms(
    "docs/uncertainty.md",
    attribution="how much a feature adds to the target value at a step, positive or negative",
    control="a method that knows nothing about the agent; only its order of the features means anything",
    deterministic=("deterministic", "the action with the highest score, or the mean of the distribution"),
    interval="the range that holds the number of other episodes of the same agent, with the probability given",
    method="how attributions are computed",
    per_std=("score per standard deviation", "how much a change of a feature by its std changes the target value"),
    rank_agreement=f"how alike two orders of the features are (Spearman): {SAME_ORDER}",
    references="visited states that features are compared with",
    residual=("left unexplained", "the part of the target value that attributions do not add up to"),
    sampled=("drawn from the policy's distribution", "an action drawn with the policy's own probabilities"),
    share=("share of importance", "a feature's mean magnitude among those of all features"),
    share_of_mean=("share of mean {}", "a feature's share of the means of a quantity's magnitude over the steps"),
    std=("× std", "multiplied by the standard deviation of the feature over the recorded states"),
    target="the number that is explained, for instance the score of the action taken",
)
"""Words about attributions and their numbers."""

_NAMES = {
    "cam": "CAM",
    "deep lift": "DeepLIFT",
    "guided backprop": "guided backpropagation",
    "rise": "RISE",
    "sampled shapley": "sampled Shapley values",
    "sarfa": "SARFA",
    "shapley": "Shapley values",
    "smooth grad": "SmoothGrad",
    "var grad": "VarGrad",
}
"""Words that are not written as in the name of a method."""


def method_title(method: str, *, standardized: bool = False) -> str:
    """The name of a method in sentences, from its identifier, which belongs into code.

    Args:
        method: the identifier.
        standardized: whether its values were multiplied by the std of each feature.

    >>> method_title("shapley"), method_title("integrated_gradients"), method_title("gradient", standardized=True)
    ('Shapley values', 'integrated gradients', 'gradient × std')
    >>> method_title("grad_cam"), method_title("captum:IntegratedGradients")
    ('grad CAM', "Captum's IntegratedGradients")
    """
    if method.startswith("captum:"):
        title = f"Captum's {method.removeprefix('captum:')}"
    else:
        spaced = method.replace("_", " ")
        exact = _NAMES.get(spaced)
        title = exact or " ".join(_NAMES.get(word, word) for word in spaced.split(" ")).replace(" x ", " × ")
    return f"{title} {TERMS['std'].name}" if standardized else title
