"""Makes the header of a new recording, and checks that its folder holds no other settings."""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.files import numbered
from rltools.attributions import fitting_methods
from rltools.envs import current_id, spec_to_json
from rltools.errors import ConflictError, argument
from rltools.policies.base import Discounting, Policy, is_differentiable, value_head
from rltools.recording import Header, open_recording
from rltools.recording.sealed_json import write_json
from rltools.recording.seeds import SPREAD
from rltools.rollout._differences import differences
from rltools.rollout.env_check import Layer

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

STEP_LIMIT = 10_000
"""The step limit of environments that declare no limit."""
SUBFOLDERS = ("episodes", "frames", "attributions", "ablations", "plots", "replays")


def header_of(
    policy: Policy,
    spec: EnvSpec | None,
    seed: int,
    deterministic: bool,
    max_steps: int,
    *,
    layers: tuple[Layer, ...] = (),
    notes: tuple[str, ...] = (),
) -> Header:
    """The header of a recording with these settings; `layers` and `notes` are those of the environment."""
    source = policy.source
    start = getattr(policy.action_space, "start", None)
    start = int(start) if isinstance(start, int | np.integer) else None  # several choices have an array
    return Header(
        policy=source.name,
        policy_sha256=source.sha256,
        library=source.library,
        environment=(spec and spec_to_json(spec)) or "",
        features=policy.features,
        action_names=policy.action_names,
        action_start=start,
        score=policy.heads[0],
        seed=seed,
        deterministic=deterministic,
        max_steps=max_steps,
        notes=tuple(
            dict.fromkeys(
                (*source.notes, *_other_environment(policy, spec), *notes, *_texts(policy), *_gradients(policy))
            )
        ),
        versions={name: version(name) for name in ("gymnasium", "numpy", "torch", "stable-baselines3")}
        | {"python": platform.python_version(), "rltools": version("rltools-attribution")},
        branches=policy.branches,
        seeds=SPREAD,
        layers=layers,
        value_head=value_head(policy),
        agent=getattr(policy, "loaded_from", {}),
        normalization=source.normalization,
        **vars(getattr(policy, "discounting", Discounting())),
    )


def _texts(policy: Policy) -> tuple[str, ...]:
    """The caveat about texts in observations, which are not encoded."""
    names = [leaf.name or "the observation" for leaf in policy.features.leaves if leaf.kind == "text"]
    return (f"text is recorded and not explained: {', '.join(names)}",) if names else ()


def _gradients(policy: Policy) -> tuple[str, ...]:
    """The caveat about a policy without gradients: which methods explain it, and which do not."""
    if is_differentiable(policy):
        return ()
    fitting, lacking = fitting_methods(policy)
    without = [name for name, missing in lacking.items() if missing == "gradients"]
    return (
        f"it has no gradients: {', '.join(fitting)} explain it, which replace features; "
        f"{', '.join(without)} differentiate, and cannot",
    )


def _other_environment(policy: Policy, spec: EnvSpec | None) -> tuple[str, ...]:
    """The caveat about an environment that the policy was not trained in."""
    if spec is None or policy.source.environment is None:
        return ()
    arguments: dict[str, Any] = {}
    try:
        own = json.loads(policy.source.environment)
        trained_on, arguments = current_id(own["id"])
        arguments = arguments | own.get("kwargs", {})
    except (ValueError, KeyError, TypeError):
        trained_on = "an environment whose specification cannot be read"
    if trained_on.rpartition(":")[2] != spec.id.rpartition(":")[2]:
        return (f"trained on {trained_on}, and recorded in {spec.id} because that was asked for",)
    mine, here = _plain(arguments), _plain(spec.kwargs)
    if mine == here:
        return ()
    return (f"trained on {trained_on} with {_listed(mine)}, and recorded in it with {_listed(here)}",)


def _plain(arguments: dict[str, Any]) -> dict[str, str]:
    """Arguments of an environment as comparable text, without the render mode."""
    return {name: json.dumps(value, default=str) for name, value in arguments.items() if name != "render_mode"}


def _listed(arguments: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items()) or "no arguments"


def settle(folder: Path, header: Header, *, overwrite: bool) -> None:
    """Write `recording.json`, or check that an existing one has the same settings.

    Raises:
        ConflictError: it has others.
    """
    path = header_path(folder)
    if overwrite:
        for subfolder in filter(Path.is_dir, (folder / name for name in SUBFOLDERS)):
            shutil.rmtree(subfolder)
        for file in (path, folder / "index.html"):
            file.unlink(missing_ok=True)
    if not path.is_file():
        if numbered(folder / "episodes"):
            raise ConflictError(
                f"{folder} holds episodes but no {path.name} that describes them; choose another folder, or "
                f"replace them with {argument('overwrite', True)}"
            )
        for name in ("episodes", "attributions"):
            (folder / name).mkdir(exist_ok=True)
        write_json(path, header.to_json())
        return
    check_settings(folder, header)


def header_path(folder: Path) -> Path:
    """The file of a recording's header."""
    return folder / "recording.json"


def check_settings(folder: Path, header: Header) -> None:
    """Check that the recording in a folder has these settings.

    Raises:
        ConflictError: it has others.
        CorruptError: its `recording.json` is damaged.
    """
    existing = open_recording(folder).header
    if clauses := differences(existing, header):
        raise ConflictError(
            f"{folder} holds a recording of {existing.policy} in "
            f"{existing.environment_id or 'an environment without an id'} with other settings: "
            f"{'; '.join(clauses)}. Choose another folder ({argument('directory')}), or replace the recording with "
            f"{argument('overwrite', True)}"
        )
