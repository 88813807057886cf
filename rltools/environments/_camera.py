"""A camera that stays with what moves."""

from __future__ import annotations

from typing import Any

import gymnasium

FREE = -1


def follow(env: gymnasium.Env[Any, Any]) -> None:
    """Let a MuJoCo environment be seen by its model's own camera "track", where it has one.

    Gymnasium's free camera stays where the robot began, which then walks out of the picture within seconds.
    """
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None or getattr(renderer, "camera_id", None) != FREE:
        return
    import mujoco

    renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")  # FREE without one
