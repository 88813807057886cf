"""Models of Stable-Baselines3 and sb3-contrib: zips, folders of rl-baselines3-zoo, and live models.

`_load` makes a policy from a file, `_live` from a model in memory; both end in `_policy`. `families/` holds the heads
of each kind of network; `archive/` reads model files and `zoo/` run folders, without running anything in them. Start
with `_policy.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.policies.library import LoadOptions
    from rltools.policies.torch_policy import TorchPolicy

RUNS_TRUSTED_FILES = True
"""Files that `LoadOptions.trust` names are loaded by Stable-Baselines3 itself."""


def claims(source: object) -> bool:
    """Whether it is a model's zip, a policy's file, a zoo's run folder `<Env>_1`, an algorithm or a policy network."""
    if isinstance(source, Path):
        from rltools.policies.kinds import holds_weights
        from rltools.policies.sb3.archive._model_zip import begins_like_a_model
        from rltools.policies.sb3.archive._sbx import is_of_sbx
        from rltools.policies.sb3.archive.policy_alone import is_policy_alone
        from rltools.policies.sb3.zoo.folder import model_in

        # Stable-Baselines3 adds .zip only to a name without a dot; "ppo_0.99" stays as it is.
        named = (source.suffix == ".zip" and not holds_weights(source)) or begins_like_a_model(source)
        return (named and not is_of_sbx(source)) or model_in(source) is not None or is_policy_alone(source)
    return _is_a(source, "common.base_class", "BaseAlgorithm") or _is_a(source, "common.policies", "BasePolicy")


def load(source: Any, options: LoadOptions) -> TorchPolicy:
    """Load the policy of a source that was claimed.

    Raises:
        ModelError: missing, damaged, not supported, or without the statistics it was trained with.
        UnsafeFileError: a file that would run code or exhaust the machine; nothing was run.
        MismatchError: the environment's spaces are not the model's.
    """
    if not isinstance(source, Path):
        from rltools.policies.sb3._live import load_live

        return load_live(source, options)
    from rltools.policies.sb3._load import load_file
    from rltools.policies.sb3.zoo.folder import model_in

    return load_file(model_in(source) or source, options)


def _is_a(source: object, module: str, name: str) -> bool:
    # Objects of the library exist only if it has been imported.
    library = sys.modules.get(f"stable_baselines3.{module}")
    return library is not None and isinstance(source, getattr(library, name))
