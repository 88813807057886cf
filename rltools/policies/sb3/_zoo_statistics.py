"""Which VecNormalize statistics belong to a model, by their names and places."""

from __future__ import annotations

from pathlib import Path

from rltools.policies.sb3._beside import inside, is_beside
from rltools.policies.sb3._zoo import CHECKPOINT, ZooRecord

_NAMES = ("vecnormalize.pkl", "vec_normalize.pkl")  # the second on a hub


def find_statistics(model: Path, record: ZooRecord | None) -> Path | None:
    """The VecNormalize statistics that belong to a model: a checkpoint's own, else those of its run.

    Raises:
        UnsafeFileError: a link that leads away from the model.
    """
    of_run = () if record is None else (record.folder,)
    folders = (*of_run, model.parent / model.stem, model.parent)
    places = [folder / name for folder in folders for name in _NAMES]
    if checkpoint := CHECKPOINT.fullmatch(model.stem):
        own = f"{checkpoint['prefix']}_vecnormalize_{checkpoint['steps']}_steps.pkl"
        places = [model.parent / own, *places]
    found = next((place for place in places if is_beside(place)), None)
    return None if found is None else inside(found, model)


def later_statistics_note(statistics: Path, model: Path) -> tuple[str, ...]:
    """The caveat, or none, that statistics are not from the moment at which the model was saved."""
    checkpoint = CHECKPOINT.fullmatch(model.stem)
    own = checkpoint is not None and checkpoint["steps"] in statistics.name
    if own or not (checkpoint or model.stem == "best_model"):
        return ()
    return (f"{statistics.name} is from the end of the training, and {model.name} from an earlier moment of it",)
