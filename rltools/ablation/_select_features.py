"""The line that keeps, in training, the features that a certificate says suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.spaces import Features

if TYPE_CHECKING:
    from rltools.ablation._ablation import Ablation


def select_features_line(ablation: Ablation, features: Features) -> str:
    """The line of Python that makes an environment show only what a certificate says suffices.

    Args:
        ablation: with a certificate.
        features: of the encoded observation, which is the recording's.

    Returns:
        `env = rltools.SelectFeatures(env, keep=[...])` with the names of the remaining features, or their positions if
        they have no names; "" if there is no certificate that holds, nothing would be left, or the observation is no
        vector.

    Example:
        >>> import rltools
        >>> from rltools.ablation import select_features_line
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=8, leave_out=True)
        >>> select_features_line(ablation, recording.features)
        "env = rltools.SelectFeatures(env, keep=['cart velocity', 'pole angle', 'pole angular velocity'])"
    """
    certificate = ablation.certificate
    if certificate is None or not certificate.holds or not certificate.remaining:
        return ""
    if features.leaves or features.dims != ("feature",) or features.lags.any():
        return ""
    keep = sorted(
        int(element)
        for player, elements in zip(ablation.players, ablation.positions, strict=True)
        if player in certificate.remaining
        for element in elements
    )
    names = [features.names[element] for element in keep]
    named = bool(features.given_names)
    return f"env = rltools.SelectFeatures(env, keep={names if named else keep})"
