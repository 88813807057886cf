"""Terms that the documentation uses, beside those of pages, plots and the terminal, which are in the package."""

MORE_TERMS = {
    "ablation": "rollouts in which the policy does not see a feature, and the paired returns with and without it; see "
    "[hiding a feature](../concepts/hiding-a-feature.md)",
    "agent": "a trained policy with what is known of it: its name, file, environment and normalization",
    "axiom": "a property that a method promises, for instance that values add up to the score; each one is tested",
    "card": "a file of a few lines with names, units and groups of an environment, or with the origin of an agent",
    "caveat": "what limits a number on a page, such as few episodes or states that never occur",
    "centered score": "the score of an action minus its mean over the allowed actions; what is explained by default",
    "coalition value": "the mean return when the policy sees these features and no others",
    "completeness": "the axiom that the attributions of a step add up to the target value minus its reference value",
    "decision change": "how often another action is chosen when one feature takes a value from another visited state",
    "episode": "from a reset to the end, with a seed of its own; the unit of which intervals are taken",
    "experiment": "agents, environments, methods, targets and seeds in one file, for anyone to run again",
    "fault": "an episode that ended because the environment or the policy raised an error",
    "feature": "an element of the observation as the environment gives it, with a name and a unit",
    "finding": "a statement about an agent as data: subject, estimate, interval, counts",
    "group": "features that are hidden or replaced together, such as the elements of a one-hot choice",
    "head": "an output of the policy that can be explained: `logit`, `q_value`, `mean`, `action` or `value`",
    "limit": "an episode that was stopped after as many steps as the recording asked for",
    "loss": "the mean return with everything seen, minus that without a feature, paired by seed",
    "outcome Shapley value": "the share of a feature in the return, over all sets of features that could be hidden",
    "policy": "what maps observations to actions: a network, a tree, a function, a graph",
    "recording": "a folder of episodes, attributions and ablations; everything that is shown is made from it",
    "replacement": "what stands in the place of a hidden feature: `resample`, `mean`, `zero`, `hold` or `nearest`; see "
    "[its traps](../concepts/hiding-a-feature.md)",
    "Shapley value": "the mean of what a feature adds to the score, over all orders in which features are revealed",
    "step": "one action, and the observation in which it was chosen",
    "terminated": "an episode that ended by the rules of the environment, as in Gymnasium",
    "tie": "features whose order the seeds or episodes at hand do not tell with certainty",
    "truncated": "an episode that the environment cut off, for instance by a time limit, as in Gymnasium",
    "trust": "whether loading a file may run code in it; by default none is run",
    "window": "how many past observations a recurrent policy is explained with respect to",
}
"""What each means, to be read after \"is\"; without a full stop."""
