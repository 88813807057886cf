"""Rerun: frames, observations, scores, rewards and attributions of whole episodes on one timeline, as an `.rrd` file.

Each episode is a branch of its own, `episode_000012/attribution/<name>/<target>` and the like, and all of them run
along the timelines `step` and `time`; the viewer opens the file with a tab for each of the notable episodes.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from rltools.integrations._formats import appearing_whole, exporter, required
from rltools.integrations._recorded import MOST_NAMES, as_png, attribution_columns, attribution_names, steps_per_second
from rltools.recording import Episode, Recording, notable_episodes, recorded_leaves
from rltools.recording.names import safe_names
from rltools.spaces import Features, Part
from rltools.spaces.leaves import pick

EXTRA = "rerun"


@exporter(
    "a recording of Rerun, as its viewer opens it",
    place="the path of the file, which ends in .rrd",
    extra=EXTRA,
    default=lambda recording: str(recording.directory / "recording.rrd"),
)
def write(recording: Recording, out: str, *, overwrite: bool = False, fps: float = 0.0) -> str:
    """Write a recording as a file of Rerun; `rerun FILE` shows it.

    Args:
        recording: the recording.
        out: the path of the file.
        overwrite: replace what is there.
        fps: steps per second on the timeline `time`; 0 is the rate of the recorded frames, or 30.

    Returns:
        The path.

    Raises:
        ArgumentError: Rerun is not installed.
        ConflictError: there is something already.
    """
    rr = required("rerun", EXTRA)
    rate = fps if fps > 0 else steps_per_second(recording)
    with appearing_whole(Path(out), overwrite=overwrite) as file:
        stream = rr.RecordingStream(f"rltools: {recording.header.policy}", recording_id=recording.directory.name)
        stream.save(str(file), default_blueprint=_blueprint(recording))
        for episode in recording:
            if len(episode):
                _log_episode(rr, stream, recording, episode, rate)
        stream.flush()
        stream.disconnect()
    return out


def branch(number: int) -> str:
    """The branch of an episode."""
    return f"episode_{number:06d}"


def _log_episode(rr: Any, stream: Any, recording: Recording, episode: Episode, fps: float) -> None:
    """Log one episode, column by column."""
    steps, root, header = np.arange(len(episode)), branch(episode.outcome.number), recording.header
    times = [rr.TimeColumn("step", sequence=steps), rr.TimeColumn("time", duration=steps / fps)]

    def series(path: str, values: np.ndarray, names: tuple[str, ...]) -> None:
        rows = values.reshape(len(values), -1).astype(np.float64)
        if rows.shape[1] == 0 or rows.shape[1] > MOST_NAMES:
            return
        named = names if len(names) == rows.shape[1] else tuple(map(str, range(rows.shape[1])))
        rr.log(f"{root}/{path}", rr.SeriesLines(names=list(named)), static=True, recording=stream)
        columns = rr.Scalars.columns(scalars=rows.reshape(-1)).partition([rows.shape[1]] * len(rows))
        rr.send_columns(f"{root}/{path}", times, columns, recording=stream)

    def pictures(path: str, images: list[bytes], kind: str) -> None:
        columns = rr.EncodedImage.columns(blob=images, media_type=[kind] * len(images))
        rr.send_columns(f"{root}/{path}", times, columns, recording=stream)

    frames = recording.frames(episode.outcome.number)
    if frames is not None:
        pictures("frame", [_jpeg(frame) for frame in frames], "image/jpeg")
    series("reward", episode.rewards, ("reward",))
    series("return", np.cumsum(episode.rewards), ("return so far",))
    series("score", episode.scores, header.action_names)
    series("action", episode.actions, header.action_names if not header.branches else ("action",))
    if episode.values is not None:
        series("value", episode.values[:-1], ("value",))
    for leaf in recorded_leaves(recording.features):
        values = pick(episode.observations, leaf)
        if values.dtype == np.uint8 and values.ndim == 4 and values.shape[-1] == 3:
            place = "/".join(["observation", *safe_names(map(str, leaf.path)).values()])
            pictures(place, [as_png(pixels) for pixels in values], "image/png")
    flat = [part for part in recording.features.parts if not part.is_image]
    own = recording.features.names if recording.features.size <= MOST_NAMES else ()
    states = episode.states.reshape(len(episode), -1)
    for part in flat:
        at_part = slice(part.start, part.stop)
        path = "/".join(["observation", *safe_names(map(str, part.leaf.path)).values()])
        series(path, states[:, at_part], tuple(own[at_part]))
    explained = attribution_columns(recording, episode.outcome.number)
    for key, name in attribution_names(recording).items():
        if name not in explained:
            continue
        spec, features = recording.spec(key), recording.features_of(key)
        labels = safe_names(spec.labels)
        for position, label in enumerate(spec.labels):
            values = explained[name][:, position]
            path = f"attribution/{name}/{labels[label]}"
            for part in _image_parts(features, values):
                heat = values.reshape(len(values), -1)[:, part.start : part.stop].reshape(len(values), *part.shape)
                maps = heat.sum(axis=-1) if heat.ndim == 4 else heat
                place = "/".join([root, path, *safe_names(map(str, part.leaf.path)).values(), "map"])
                for step, pixels in enumerate(maps):
                    stream.set_time("step", sequence=step)
                    stream.set_time("time", duration=step / fps)
                    stream.log(place, rr.Image(np.ascontiguousarray(pixels, np.float32), color_model="L"))
            series(path, values, tuple(features.names) if features.size <= MOST_NAMES else ())


def _image_parts(features: Features, values: np.ndarray) -> tuple[Part, ...]:
    """The images among what was explained."""
    return tuple(part for part in features.parts if part.is_image) if features.size == values[0].size else ()


def _blueprint(recording: Recording) -> Any:
    """What the viewer shows first: for each notable episode its frames beside its attributions, scores and rewards."""
    rrb = required("rerun.blueprint", EXTRA)
    names, leading, tabs = attribution_names(recording), recording.find_all()[:1], []
    for rank, outcome in notable_episodes(recording.outcomes()).items():
        root = branch(outcome.number)
        places = [*(f"attribution/{names[key]}" for key in leading), "observation", "score", "return"]
        plots = [rrb.TimeSeriesView(origin=f"{root}/{place}", name=place.rpartition("/")[2]) for place in places]
        pictures = rrb.Spatial2DView(origin=root, name="frame")
        name = f"{rank} (episode {outcome.number})"
        tabs.append(rrb.Horizontal(pictures, rrb.Vertical(*plots), column_shares=[2, 3], name=name))
    return rrb.Blueprint(rrb.Tabs(*tabs), rrb.TimePanel(timeline="step"), collapse_panels=True)


def _jpeg(frame: bytes) -> bytes:
    """A frame as every version of the viewer shows it; recorded ones are WebP."""
    from PIL import Image

    file = BytesIO()
    Image.open(BytesIO(frame)).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()
