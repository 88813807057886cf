"""What a trained reinforcement-learning agent looks at, and whether that answer can be trusted.

>>> import rltools
>>> policy = rltools.load_policy("cartpole-ppo")
>>> recording = rltools.record(policy, episodes=2)
>>> recording = rltools.explain(recording, policy, method="shapley")
>>> rltools.summarize(recording).top(1)[0].feature
'pole angular velocity'
"""

from __future__ import annotations

from importlib import import_module

from rltools._util.notebook import render_with

TYPE_CHECKING = False  # importing it takes as long as everything else here
if TYPE_CHECKING:
    from typing import Any

    from rltools import errors as errors
    from rltools import plots as plots
    from rltools import testing as testing
    from rltools.ablation import Ablation as Ablation
    from rltools.ablation import ablate as ablate
    from rltools.experiments import run_experiment as run_experiment
    from rltools.experiments.analyze import analyze as analyze
    from rltools.explanation import attribute as attribute
    from rltools.explanation import explain as explain
    from rltools.integrations import AttributionCallback as AttributionCallback
    from rltools.integrations import export as export
    from rltools.integrations import import_data as import_data
    from rltools.integrations import open_checkpoints as open_checkpoints
    from rltools.metrics import assess as assess
    from rltools.pages.replay import replay as replay
    from rltools.pages.single_file import export_report as export_report
    from rltools.policies.base import Policy as Policy
    from rltools.policies.function_policy import FunctionPolicy as FunctionPolicy
    from rltools.policies.load import load_policy as load_policy
    from rltools.policies.torch_policy import TorchPolicy as TorchPolicy
    from rltools.recording import Attribution as Attribution
    from rltools.recording import Episode as Episode
    from rltools.recording import Recording as Recording
    from rltools.recording import open_recording as open_recording
    from rltools.rollout import record as record
    from rltools.spaces import Features as Features
    from rltools.summary import Summary as Summary
    from rltools.summary import summarize as summarize
    from rltools.targets import Target as Target
    from rltools.targets.derivative import input_gradient as input_gradient
    from rltools.videos import video as video
    from rltools.wrappers import AttributionWrapper as AttributionWrapper
    from rltools.wrappers import FrozenStatistics as FrozenStatistics
    from rltools.wrappers import OneAgent as OneAgent
    from rltools.wrappers import PlantFeatures as PlantFeatures
    from rltools.wrappers import ReplayWrapper as ReplayWrapper
    from rltools.wrappers import SelectFeatures as SelectFeatures
    from rltools.wrappers import VectorAttributionWrapper as VectorAttributionWrapper

# The room or module of each public name; nothing heavy is loaded before a name is used.
_PUBLIC = {
    "Ablation": "ablation",
    "Attribution": "recording",
    "AttributionCallback": "integrations",
    "AttributionWrapper": "wrappers",
    "Episode": "recording",
    "Features": "spaces",
    "FrozenStatistics": "wrappers",
    "FunctionPolicy": "policies.function_policy",
    "OneAgent": "wrappers",
    "PlantFeatures": "wrappers",
    "Policy": "policies.base",
    "Recording": "recording",
    "ReplayWrapper": "wrappers",
    "SelectFeatures": "wrappers",
    "Summary": "summary",
    "Target": "targets",
    "TorchPolicy": "policies.torch_policy",
    "VectorAttributionWrapper": "wrappers",
    "ablate": "ablation",
    "analyze": "experiments.analyze",
    "assess": "metrics",
    "attribute": "explanation",
    "explain": "explanation",
    "input_gradient": "targets.derivative",
    "load_policy": "policies.load",
    "export": "integrations",
    "export_report": "pages.single_file",
    "import_data": "integrations",
    "open_checkpoints": "integrations",
    "open_recording": "recording",
    "record": "rollout",
    "replay": "pages.replay",
    "run_experiment": "experiments",
    "summarize": "summary",
    "video": "videos",
}
_ROOMS = ("errors", "plots", "testing")

__version__ = "0.1.0"
__all__ = [*_PUBLIC, *_ROOMS]  # noqa: PLE0604  strings, all of them


def _notebook_cards() -> Any:
    return import_module("rltools.pages.notebook").object_html


render_with(_notebook_cards)


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name in _PUBLIC:
        value = globals()[name] = getattr(import_module(f"rltools.{_PUBLIC[name]}"), name)
        return value
    if name in _ROOMS:
        return import_module(f"rltools.{name}")
    if name.startswith("_"):  # Python itself looks up many of these
        raise AttributeError(f"module 'rltools' has no attribute {name!r}")
    from rltools._util.suggestions import suggestion

    raise AttributeError(f"module 'rltools' has no attribute {name!r}; {suggestion(name, __all__, _ROOMS)}")


def __dir__() -> list[str]:
    """Every public name."""
    return sorted(__all__)
