"""A card for an environment, filled in with today's names or numbers: `rltools new env ID`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from gymnasium.envs.registration import EnvSpec
from ruamel.yaml.comments import CommentedMap

from rltools.cards import ImageObservation, read_environment_card
from rltools.envs import with_arguments
from rltools.envs.names import numbered_action
from rltools.errors import ArgumentError
from rltools.experiments.scaffold._yaml import check_new, on_a_line, with_comments, write_yaml
from rltools.policies.env_elements import ObservedElement, action_elements, observed_elements
from rltools.policies.env_info import inspect_env
from rltools.recording.folders import folder_name

if TYPE_CHECKING:
    from rltools.policies.env_elements import Range

_LAYOUTS = [
    layout for union in get_args(ImageObservation.model_fields["layout"].annotation) for layout in get_args(union)
]


def new_env(env: str | EnvSpec, env_kwargs: Mapping[str, Any] | None = None, *, folder: str | Path = "envs") -> Path:
    """Write the card of an environment, in which only names and units need to be edited.

    It names every element of the observation and every action as today, or by numbers, with units where they are known,
    and the ranges of the observation space.

    Args:
        env: an id, or a specification.
        env_kwargs: arguments of the environment, if the names depend on them: the card is for these alone.
        folder: where the card goes; it applies there if that is `envs/` of the working directory.

    Returns:
        The path of the card.

    Raises:
        ConflictError: there is a file already.
        SimulationError: the environment cannot be made.

    Example:
        >>> from rltools.experiments.scaffold import new_env
        >>> print(new_env("MountainCar-v0").read_text().splitlines()[-4].strip())
        actions:
    """
    spec = with_arguments(env, env_kwargs or {})
    path = Path(folder) / f"{folder_name(spec.id).lower()}.yaml"
    check_new(path)
    env_info = inspect_env(spec)
    elements = observed_elements(env_info)
    if not elements:
        raise ArgumentError(f"{spec.id} observes nothing that has a name")
    choice: dict[str, Any] = {"id": spec.id} | ({"kwargs": dict(env_kwargs)} if env_kwargs else {})
    content = CommentedMap(environments=[on_a_line(choice)])
    paths = [name for name, _ in groupby(elements, key=lambda element: element.path)]
    if paths == [""]:
        content.update(_array(elements))
    else:
        content["parts"] = CommentedMap(
            {name: CommentedMap(_array(list(group))) for name, group in groupby(elements, key=lambda each: each.path)}
        )
    actions = action_elements(env_info)
    named = any(action.name for action in actions)
    content["actions"] = with_comments(
        [on_a_line({"name": action.name or numbered_action(action.position)}) for action in actions],
        [_range_text(action.range) or ("" if named else str(action.position)) for action in actions],
    )
    where = f" ({', '.join(f'{name}={value}' for name, value in (env_kwargs or {}).items())})" if env_kwargs else ""
    heading = (
        f"What the elements of the observation of {spec.id}{where} and its actions are called, in their order.",
        "Edit names and units; an element may also have a `meaning`, a sentence. `rltools inspect` shows the result.",
    )
    write_yaml(path, content, heading)
    read_environment_card(path)
    return path


def _array(elements: Sequence[ObservedElement]) -> dict[str, Any]:
    """The card of one array of an observation."""
    first = elements[0]
    if first.kind == "image":
        return {"image": _image(first)}
    if first.kind == "choice":
        return {"choices": [_choice(element) for element in elements]}
    if first.kind == "text":
        return {"text": on_a_line({"meaning": "What the text says."})}
    rows = [on_a_line({"name": element.name, "unit": element.unit} | _range(element.range)) for element in elements]
    return {"observation": with_comments(rows, [element.positions for element in elements])}


def _image(element: ObservedElement) -> CommentedMap:
    """The card of an image: its layout, what its channels hold, and its range.

    Raises:
        ArgumentError: its axes are not those of an image that a card describes.
    """
    layout = ",".join(element.dims)
    if layout not in _LAYOUTS:
        raise ArgumentError(
            f"the image {element.name} has the axes {layout}, which no card describes; its elements need no names"
        )
    count = element.shape[element.dims.index("channel")] if "channel" in element.dims else 1
    channels = element.channels or tuple(f"channel {number}" if count > 1 else "gray" for number in range(count))
    return CommentedMap(layout=layout, channels=on_a_line(channels), **_range(element.range))


def _choice(element: ObservedElement) -> CommentedMap:
    if element.factors:
        factors = [on_a_line({"name": name, "values": list(values)}) for name, values in element.factors]
        return CommentedMap(name=element.name, factors=factors)
    return CommentedMap(name=element.name, values=on_a_line(element.values))


def _range(ends: Range) -> dict[str, Any]:
    whole = [int(end) if end is not None and end == int(end) else end for end in ends]
    return {} if ends == (None, None) else {"range": on_a_line(whole)}


def _range_text(ends: Range) -> str:
    low, high = ("-" if end is None else f"{end:g}" for end in ends)
    return "" if ends == (None, None) else f"{low} to {high}"
