"""Which methods can explain a policy, and why others cannot."""

from __future__ import annotations

from torch import nn

from rltools.attributions._support.method import Method
from rltools.policies.base import Policy, is_differentiable


def missing_need(method: Method, policy: Policy) -> str:
    """What a method needs and a policy lacks, for a sentence: "gradients"; "" if it can explain the policy."""
    needs = method.needs
    lacking = (
        ("gradient" in needs and not is_differentiable(policy), "gradients"),
        (bool({"network", "convolution"} & needs) and not isinstance(_module(policy), nn.Module), "a network"),
        ("image" in needs and not policy.features.is_image, "an image"),
        ("actions" in needs and len(policy.branches) != 1, "a choice of one of several actions"),
    )
    return next((name for fits, name in lacking if fits), "")


def _module(policy: Policy) -> object:
    return getattr(policy, "module", None)
