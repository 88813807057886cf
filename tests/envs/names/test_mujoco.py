"""Names from the model itself: the cards agree with them, and each moves with what it says."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import action_names, observed_features
from rltools.envs.names.sources.mujoco import actuator_names

mujoco = pytest.importorskip("mujoco")

DERIVED = ("Ant", "HalfCheetah", "Hopper", "Humanoid", "HumanoidStandup", "InvertedPendulum", "Swimmer", "Walker2d")
BY_HAND = ("InvertedDoublePendulum", "Pusher", "Reacher")


def make(env_id, **kwargs):
    spec = environment_spec(env_id)
    spec.kwargs.update(kwargs)
    return make_environment(spec), environment_card(spec)


def value_of(env, card, name):
    """The entry of this name of what the environment would observe now."""
    return env.unwrapped._get_obs()[observed_features(env, card).position(name)]


@pytest.mark.parametrize("name", DERIVED)
def test_a_card_says_what_the_model_says(name):
    env, card = make(f"{name}-v5")
    derived = observed_features(env, None)
    assert tuple(entry.name for entry in card.observation) == derived.names
    assert tuple(entry.unit for entry in card.observation) == derived.units


@pytest.mark.parametrize("env_id", [f"{name}-v5" for name in DERIVED + BY_HAND] + ["Ant-v4", "Reacher-v4"])
def test_actions_are_named_by_the_actuators(env_id):
    env, card = make(env_id)
    assert tuple((action.name, action.unit) for action in card.actions) == actuator_names(env.unwrapped)
    assert action_names(env, None).names == card.action_names


@pytest.mark.parametrize(
    ("env_id", "kwargs", "first"),
    [
        ("Ant-v5", {"include_cfrc_ext_in_observation": False}, "torso z"),
        ("Ant-v5", {"exclude_current_positions_from_observation": False}, "torso x"),
        ("Humanoid-v5", {"include_cinert_in_observation": False, "include_cvel_in_observation": False}, "torso z"),
        ("Swimmer-v5", {"exclude_current_positions_from_observation": False}, "torso x"),
        ("Hopper-v5", {"exclude_current_positions_from_observation": False}, "torso x"),
    ],
)
def test_arguments_that_change_the_length_change_the_names(env_id, kwargs, first):
    env, card = make(env_id, **kwargs)
    features = observed_features(env, card)
    assert (len(features.given_names),) == env.observation_space.shape
    assert features.names[0] == first


@pytest.mark.parametrize("name", DERIVED)
def test_each_joint_moves_its_own_entry(name):
    env, card = make(f"{name}-v5")
    env.reset(seed=0)
    inner = env.unwrapped
    names = observed_features(env, card).names
    for joint in range(inner.model.njnt):
        if inner.model.jnt_type[joint] == 0:
            continue  # a free joint: below
        for array, address, label in (
            (inner.data.qpos, inner.model.jnt_qposadr[joint], ("angle", " x", " y", " z")),
            (inner.data.qvel, inner.model.jnt_dofadr[joint], ("velocity",)),
        ):
            before, original = inner._get_obs(), array[address]
            array[address] += 0.01
            moved = [names[entry] for entry in np.flatnonzero(inner._get_obs() != before)]
            array[address] = original
            own = inner.model.joint(joint).name.replace("_joint", "").replace("_", " ")
            assert len(moved) == 1 or (not moved and own in ("rootx", "slider1", "slider2"))  # left out on purpose
            assert all(entry.endswith(label) for entry in moved)
            if not own.startswith(("root", "slider", "hinge", "free")):
                assert moved[0].startswith(f"{own} ")


def test_a_free_joint_names_what_its_body_does():
    env, card = make("Ant-v5")
    env.reset(seed=0)
    inner = env.unwrapped
    inner.data.qpos[2:7], inner.data.qvel[:6] = (9, 10, 11, 12, 13), (1, 2, 3, 4, 5, 6)
    assert [value_of(env, card, f"torso {name}") for name in ("z", "orientation w", "orientation z")] == [9, 10, 13]
    assert [value_of(env, card, f"torso {name}") for name in ("y velocity", "x angular velocity")] == [2, 4]


def test_velocities_of_bodies_turn_first():
    env, card = make("Humanoid-v5")
    env.reset(seed=0)
    inner = env.unwrapped
    inner.data.qpos[3:7], inner.data.qvel[:] = (1, 0, 0, 0), 0
    inner.data.qvel[5] = 2.0
    mujoco.mj_forward(inner.model, inner.data)
    assert value_of(env, card, "torso com-based z angular velocity") == pytest.approx(2.0)
    inner.data.qvel[:] = 0
    inner.data.qvel[0] = 3.0
    mujoco.mj_forward(inner.model, inner.data)
    for body in ("torso", "left foot"):
        assert value_of(env, card, f"{body} com-based x velocity") == pytest.approx(3.0)
        assert value_of(env, card, f"{body} com-based x angular velocity") == pytest.approx(0.0)


def test_masses_are_masses():
    env, card = make("Humanoid-v5")
    env.reset(seed=0)
    model = env.unwrapped.model
    for body in ("torso", "right foot", "left lower arm"):
        mass = model.body(body.replace(" ", "_")).mass[0]
        assert value_of(env, card, f"{body} mass") == pytest.approx(mass)
    offsets = [
        value_of(env, card, f"{model.body(b).name.replace('_', ' ')} mass offset x") for b in range(1, model.nbody)
    ]
    assert sum(offsets) == pytest.approx(0, abs=1e-9)  # about the center of mass of the whole


def test_forces_on_bodies_turn_first_too():
    env, card = make("Humanoid-v5")
    env.reset(seed=0)
    inner = env.unwrapped
    inner.data.qpos[2] = 50.0  # nothing touches the ground
    inner.data.xfrc_applied[inner.model.body("left_foot").id, :3] = (0, 0, 7)
    mujoco.mj_forward(inner.model, inner.data)
    mujoco.mj_rnePostConstraint(inner.model, inner.data)
    assert value_of(env, card, "left foot external z force") == pytest.approx(7.0)
    assert value_of(env, card, "left foot external x force") == value_of(env, card, "right foot external z force") == 0


def test_actuator_forces_are_of_their_joints():
    env, card = make("Humanoid-v5")
    env.reset(seed=0)
    action = np.zeros(17, np.float32)
    action[card.action_names.index("abdomen z torque")] = 0.1
    env.step(action)
    assert value_of(env, card, "abdomen z torque") == pytest.approx(0.1 * 100, rel=1e-4)
    assert value_of(env, card, "abdomen y torque") == pytest.approx(0, abs=1e-9)


def test_what_is_written_by_hand_moves_as_it_says():
    env, card = make("Pusher-v5")
    env.reset(seed=0)
    for body, name in (("tips_arm", "fingertip"), ("object", "object"), ("goal", "goal")):
        assert value_of(env, card, f"{name} y") == env.unwrapped.get_body_com(body)[1]
    env, card = make("Reacher-v5")
    env.reset(seed=0)
    inner = env.unwrapped
    assert value_of(env, card, "target y") == pytest.approx(inner.get_body_com("target")[1])
    gap = inner.get_body_com("fingertip") - inner.get_body_com("target")
    assert value_of(env, card, "fingertip from target x") == gap[0]
    assert value_of(env, card, "sin(joint1 angle)") == np.sin(inner.data.qpos[1])
    env, card = make("InvertedDoublePendulum-v5")
    env.reset(seed=0)
    assert value_of(env, card, "cos(pole 2 angle)") == np.cos(env.unwrapped.data.qpos[2])
    assert value_of(env, card, "pole 1 angular velocity") == env.unwrapped.data.qvel[1]


def test_a_model_of_the_users_own_is_not_named_by_the_card(tmp_path):
    model = Path(gymnasium.__path__[0], "envs", "mujoco", "assets", "hopper.xml")
    (tmp_path / "mine.xml").write_text(model.read_text(encoding="utf-8").replace("thigh_joint", "hip_joint"))
    env, card = make("Hopper-v5", xml_file=str(tmp_path / "mine.xml"))
    assert card is not None
    assert "hip angle" in observed_features(env, card).names
    assert action_names(env, card).names[0] == "hip torque"
