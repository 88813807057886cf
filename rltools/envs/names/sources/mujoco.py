"""Names of a MuJoCo environment, by its `observation_structure` and the joints and bodies of its compiled model."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.sources import Names, named_leaf

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard

Element = tuple[str, str]
"""A name and a unit."""

FREE, BALL, SLIDE, HINGE = range(4)  # mjtJoint
AXES = ("x", "y", "z")
FIRST_DRIVEN = 6  # the humanoids omit the actuator forces of their free joint


COMES_LAST = True
_ORIGIN = "the MuJoCo model"


def observed(env: gymnasium.Env[Any, Any], plain: NamedLeaves) -> NamedLeaves:
    """The observation of a MuJoCo environment, named if its `observation_structure` adds up to its size."""
    if () not in plain:
        return {}
    structure = getattr(env, "observation_structure", None)
    elements = _observed(env.unwrapped, structure) if isinstance(structure, dict) and hasattr(env, "model") else []
    if not elements:
        return {}
    names, units = zip(*elements, strict=True)
    named = named_leaf(plain[()], names, units, _ORIGIN)
    return {} if named is None else {(): named}


def acted(env: gymnasium.Env[Any, Any]) -> Names | None:
    """The actuators of a MuJoCo environment."""
    names = tuple(name for name, _ in actuator_names(env))
    return Names(names, _ORIGIN) if names else None


def actuator_names(env: gymnasium.Env[Any, Any]) -> tuple[Element, ...]:
    """A name and a unit for each actuator of a MuJoCo environment; () for any other."""
    model = getattr(env, "model", None)
    if model is None or not hasattr(model, "actuator_trnid"):
        return ()
    names = []
    for actuator in range(model.nu):
        joint = int(model.actuator_trnid[actuator, 0])
        kind, unit = ("force", "N") if model.jnt_type[joint] == SLIDE else ("torque", "N m")
        # The force or torque at a control of 1, for a plain motor.
        strength = float(model.actuator_gear[actuator, 0]) * float(model.actuator_gainprm[actuator, 0])
        names.append((f"{_joint(model, joint)} {kind}", unit if strength == 1 else f"{strength:g} {unit}"))
    return tuple(names)


def other_model(env: gymnasium.Env[Any, Any], card: EnvironmentCard) -> bool:
    """Whether the environment was made with the user's own model, which the card does not describe."""
    if env.spec is None or "xml_file" not in env.spec.kwargs:
        return False
    return not any("xml_file" in choice.kwargs for choice in card.environments)


def _observed(env: Any, structure: dict[str, int]) -> list[Element]:
    """The elements that `observation_structure` lists, in its order; [] if it lists something unknown."""
    model, skipped = env.model, structure.get("skipped_qpos", 0)
    lists: dict[str, Callable[[], list[Element]]] = {
        "qpos": lambda: _positions(model)[skipped:],
        "qvel": lambda: _velocities(model),
        "cinert": lambda: _bodies(model, INERTIA),
        "cvel": lambda: _bodies(model, VELOCITY),
        "qfrc_actuator": lambda: _driven(model),
        "cfrc_ext": lambda: _bodies(model, FORCE),
    }
    parts = {name: count for name, count in structure.items() if name != "skipped_qpos" and count}
    listed = [lists[name]() for name in parts] if parts.keys() <= lists.keys() else []
    fits = [len(elements) for elements in listed] == list(parts.values())
    return list(chain.from_iterable(listed)) if fits else []


def _positions(model: Any) -> list[Element]:
    elements: list[Element] = []
    for joint, kind in enumerate(model.jnt_type):
        name = _joint(model, joint)
        if kind == FREE:
            elements += [(f"{name} {axis}", "m") for axis in AXES]
        if kind in (FREE, BALL):
            elements += [(f"{name} orientation {part}", "") for part in ("w", *AXES)]
        if kind == SLIDE:
            elements.append((name, "m"))
        if kind == HINGE:
            elements.append((f"{name} angle", "rad"))
    return elements


def _velocities(model: Any) -> list[Element]:
    elements: list[Element] = []
    for joint, kind in enumerate(model.jnt_type):
        name = _joint(model, joint)
        if kind == FREE:
            elements += [(f"{name} {axis} velocity", "m/s") for axis in AXES]
        if kind in (FREE, BALL):
            elements += [(f"{name} {axis} angular velocity", "rad/s") for axis in AXES]
        if kind == SLIDE:
            elements.append((f"{name} velocity", "m/s"))
        if kind == HINGE:
            elements.append((f"{name} angular velocity", "rad/s"))
    return elements


def _driven(model: Any) -> list[Element]:
    forces = [(name.replace("angular velocity", "torque"), "N m") for name, _ in _velocities(model)]
    return forces[FIRST_DRIVEN:]


INERTIA: tuple[Element, ...] = (
    *((f"inertia {axes}", "kg m²") for axes in ("xx", "yy", "zz", "xy", "xz", "yz")),
    *((f"mass offset {axis}", "kg m") for axis in AXES),
    ("mass", "kg"),
)
# MuJoCo orders rotations before translations; Gymnasium's documentation has it the other way round.
VELOCITY: tuple[Element, ...] = (
    *((f"com-based {axis} angular velocity", "rad/s") for axis in AXES),
    *((f"com-based {axis} velocity", "m/s") for axis in AXES),
)
FORCE: tuple[Element, ...] = (
    *((f"external {axis} torque", "N m") for axis in AXES),
    *((f"external {axis} force", "N") for axis in AXES),
)


def _bodies(model: Any, elements: tuple[Element, ...]) -> list[Element]:
    """The elements of every body but the world, about the common center of mass."""
    return [(f"{_body(model, body)} {name}", unit) for body in range(1, model.nbody) for name, unit in elements]


def _joint(model: Any, joint: int) -> str:
    """The joint's name; its body's, with the axis of a slide, if it moves the whole model or has no real name."""
    name, body = model.joint(joint).name, int(model.jnt_bodyid[joint])
    moves_all = int(model.body_parentid[body]) == 0 and (
        int(model.body_jntnum[body]) > 1 or model.jnt_type[joint] == FREE
    )
    if not moves_all and re.fullmatch(r"(hinge|slide|slider)\d*|", name) is None:
        return re.sub(r"[ _]joint$", "", name).replace("_", " ")
    name = _body(model, body)
    if model.jnt_type[joint] != SLIDE:
        return name
    along = [abs(float(part)) for part in model.jnt_axis[joint]]
    return f"{name} {AXES[along.index(max(along))]}"


def _body(model: Any, body: int) -> str:
    """The body's name, or that of the joint that holds it."""
    name = model.body(body).name or model.joint(int(model.body_jntadr[body])).name
    return str(name).replace("_", " ")
