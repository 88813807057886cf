"""Names from a MuJoCo environment itself: what it says it observes, and the joints and bodies of its compiled model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.envs.names._named import Found, Named

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard

Entry = tuple[str, str]
"""A name and a unit."""

FREE, BALL, SLIDE, HINGE = range(4)  # mjtJoint
AXES = ("x", "y", "z")
FIRST_DRIVEN = 6  # the humanoids leave the actuator forces of their free joint out


def model_names(env: gymnasium.Env[Any, Any], plain: Named) -> Found:
    """The one array of an environment, named where it is MuJoCo's, says what it holds, and that adds up."""
    held = getattr(env, "observation_structure", None)
    entries = _observed(env.unwrapped, held) if isinstance(held, dict) and hasattr(env, "model") else []
    if len(entries) != plain.leaf.size or len({name for name, _ in entries}) < len(entries):
        return {(): plain}
    names, units = zip(*entries, strict=True)
    return {(): dataclasses.replace(plain, names=names, units=units)}


def actuator_names(env: gymnasium.Env[Any, Any]) -> tuple[Entry, ...]:
    """A name and a unit for each actuator of a MuJoCo environment; () for any other."""
    model = getattr(env, "model", None)
    if model is None or not hasattr(model, "actuator_trnid"):
        return ()
    found = []
    for actuator in range(model.nu):
        joint = int(model.actuator_trnid[actuator, 0])
        kind, unit = ("force", "N") if model.jnt_type[joint] == SLIDE else ("torque", "N m")
        # A control of 1 is this much where the actuator is a plain motor.
        strength = float(model.actuator_gear[actuator, 0]) * float(model.actuator_gainprm[actuator, 0])
        found.append((f"{_joint(model, joint)} {kind}", unit if strength == 1 else f"{strength:g} {unit}"))
    return tuple(found)


def other_model(env: gymnasium.Env[Any, Any], card: EnvironmentCard) -> bool:
    """Whether the environment was made with a model of the user's own, which the card does not speak of."""
    if env.spec is None or "xml_file" not in env.spec.kwargs:
        return False
    return not any("xml_file" in choice.kwargs for choice in card.environments)


def _observed(env: Any, held: dict[str, int]) -> list[Entry]:
    """What `observation_structure` lists, in its order; [] where it lists something unknown."""
    model, skipped = env.model, held.get("skipped_qpos", 0)
    lists: dict[str, Callable[[], list[Entry]]] = {
        "qpos": lambda: _positions(model)[skipped:],
        "qvel": lambda: _velocities(model),
        "cinert": lambda: _of_bodies(model, INERTIA),
        "cvel": lambda: _of_bodies(model, VELOCITY),
        "qfrc_actuator": lambda: _driven(model),
        "cfrc_ext": lambda: _of_bodies(model, FORCE),
    }
    parts = {name: count for name, count in held.items() if name != "skipped_qpos" and count}
    found = [lists[name]() for name in parts] if parts.keys() <= lists.keys() else []
    fits = [len(entries) for entries in found] == list(parts.values())
    return list(chain.from_iterable(found)) if fits else []


def _positions(model: Any) -> list[Entry]:
    found: list[Entry] = []
    for joint, kind in enumerate(model.jnt_type):
        name = _joint(model, joint)
        if kind == FREE:
            found += [(f"{name} {axis}", "m") for axis in AXES]
        if kind in (FREE, BALL):
            found += [(f"{name} orientation {part}", "") for part in ("w", *AXES)]
        if kind == SLIDE:
            found.append((name, "m"))
        if kind == HINGE:
            found.append((f"{name} angle", "rad"))
    return found


def _velocities(model: Any) -> list[Entry]:
    found: list[Entry] = []
    for joint, kind in enumerate(model.jnt_type):
        name = _joint(model, joint)
        if kind == FREE:
            found += [(f"{name} {axis} velocity", "m/s") for axis in AXES]
        if kind in (FREE, BALL):
            found += [(f"{name} {axis} angular velocity", "rad/s") for axis in AXES]
        if kind == SLIDE:
            found.append((f"{name} velocity", "m/s"))
        if kind == HINGE:
            found.append((f"{name} angular velocity", "rad/s"))
    return found


def _driven(model: Any) -> list[Entry]:
    forces = [(name.replace("angular velocity", "torque"), "N m") for name, _ in _velocities(model)]
    return forces[FIRST_DRIVEN:]


INERTIA: tuple[Entry, ...] = (
    *((f"inertia {axes}", "kg m²") for axes in ("xx", "yy", "zz", "xy", "xz", "yz")),
    *((f"mass offset {axis}", "kg m") for axis in AXES),
    ("mass", "kg"),
)
# MuJoCo has rotations before translations; Gymnasium's documentation has them the other way round.
VELOCITY: tuple[Entry, ...] = (
    *((f"com-based {axis} angular velocity", "rad/s") for axis in AXES),
    *((f"com-based {axis} velocity", "m/s") for axis in AXES),
)
FORCE: tuple[Entry, ...] = (
    *((f"external {axis} torque", "N m") for axis in AXES),
    *((f"external {axis} force", "N") for axis in AXES),
)


def _of_bodies(model: Any, entries: tuple[Entry, ...]) -> list[Entry]:
    """Of every body but the world, about the center of mass of all of them."""
    return [(f"{_body(model, body)} {name}", unit) for body in range(1, model.nbody) for name, unit in entries]


def _joint(model: Any, joint: int) -> str:
    """A joint's own name; its body's, with the axis of a slide, where the joint moves the whole or has no real name."""
    name, body = model.joint(joint).name, int(model.jnt_bodyid[joint])
    moves_all = int(model.body_parentid[body]) == 0 and (
        int(model.body_jntnum[body]) > 1 or model.jnt_type[joint] == FREE
    )
    if not moves_all and re.fullmatch(r"(hinge|slide|slider)\d*|", name) is None:
        return re.sub(r"[ _]joint$", "", name).replace("_", " ")
    whole = _body(model, body)
    if model.jnt_type[joint] != SLIDE:
        return whole
    along = [abs(float(part)) for part in model.jnt_axis[joint]]
    return f"{whole} {AXES[along.index(max(along))]}"


def _body(model: Any, body: int) -> str:
    """A body's name, or that of the joint it hangs on."""
    name = model.body(body).name or model.joint(int(model.body_jntadr[body])).name
    return str(name).replace("_", " ")
