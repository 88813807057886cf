"""Run a script that draws a picture and store its episodes: `python docs/episodes.py SCRIPT [ARGUMENT ...]`.

On another type of processor an agent's outputs differ in their last bits, and after some steps so do its actions.
`episodes.json` has the digests for each stored picture, so that tests only compare pictures of the same
episodes. `python docs/pictures.py` draws everything.
"""

import hashlib
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import rltools

EPISODES = Path(__file__).with_suffix(".json")
DECIMALS = 3
"""Digits of continuous actions: rounding errors alone do not make another episode."""


@contextmanager
def watched() -> Iterator[Callable[[], dict[str, str]]]:
    """Yields a function that returns digests of the seeds and actions of all episodes recorded so far."""
    seeds, actions = hashlib.sha256(), hashlib.sha256()
    record = rltools.record

    def recording_watched(*arguments: Any, **settings: Any) -> rltools.Recording:
        recording = record(*arguments, **settings)
        for episode in recording:
            seeds.update(f"{episode.outcome.seed} ".encode())
            actions.update(f"{len(episode)} ".encode() + np.round(episode.actions, DECIMALS).tobytes())
        return recording

    rltools.record = recording_watched
    try:
        yield lambda: {"seeds": seeds.hexdigest()[:16], "actions": actions.hexdigest()[:16]}
    finally:
        rltools.record = record


def note(name: str, digests: dict[str, str]) -> None:
    """Store the digests of a picture."""
    stored = json.loads(EPISODES.read_text(encoding="utf-8")) if EPISODES.is_file() else {}
    EPISODES.write_text(json.dumps(stored | {name: digests}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(script: str, *arguments: str) -> None:
    """Run a script and store its digests under the name of its picture: its first argument, or its own name."""
    name = arguments[0] if arguments else Path(script).stem
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))  # as Python does for a script
    with watched() as digests:
        runpy.run_path(script, run_name="__main__")
    note(name, digests())


if __name__ == "__main__":
    main(*sys.argv[1:])
