"""Recordings as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rltools.recording._labelled import labelled_arrays, safe_names
from rltools.recording._text import whole_text

if TYPE_CHECKING:
    from rltools.recording._recording import Recording

WIDE_LIMIT = 1000
"""Observations of more entries than this, images above all, have no columns of their own in a table."""


def to_pandas(recording: Recording, method: str | None = None, target: str | None = None) -> pd.DataFrame:
    """One row a step: episode, t, each feature, action, reward, each score, each attribution.

    Columns are named `observation.<feature>`, `score.<action>` and `<method>.<target>.<feature>`. Observations of more
    than 1,000 entries, images above all, and their attributions are left out, and so are those over windows:
    `to_xarray` has them.

    Args:
        recording: the recording.
        method: only this method's attributions.
        target: only those of this target.
    """
    labelled = labelled_arrays(recording, method, target, pictures_apart=False)
    wide = recording.features.size <= WIDE_LIMIT
    columns: dict[str, np.ndarray] = {"episode": labelled["episode"].values, "t": labelled["t"].values}
    if wide:
        columns |= _columns("observation", labelled["observation"].values, recording.features.names)
    columns |= _columns("action", labelled["action"].values, recording.header.action_names)
    for name in ("reward", "terminated", "truncated"):
        columns[name] = labelled[name].values
    columns |= _columns("score", labelled["score"].values, tuple(labelled["output"].values))
    for variable in map(str, labelled.data_vars) if wide else ():
        if variable.startswith("attribution_") and labelled[variable].dims == (
            "step",
            "target",
            *recording.features.dims,
        ):
            for at, label in enumerate(labelled["target"].values):
                prefix = f"{_true_name(variable, labelled[variable].attrs['method'])}.{label}"
                found = _columns(prefix, labelled[variable].values[:, at], recording.features.names)
                columns |= {column: part for column, part in found.items() if not np.isnan(part).all()}
    return pd.DataFrame(columns)


def _true_name(variable: str, method: str) -> str:
    """The method's own name; of one that was asked in several ways, the name of the folder."""
    name = variable.removeprefix("attribution_")
    return method if name == safe_names([method])[method] else name


def _columns(prefix: str, values: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    if values.ndim == 1:
        return {prefix: values}
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    named = names if len(names) == flat.shape[1] else tuple(map(str, range(flat.shape[1])))
    return {whole_text(f"{prefix}.{name}"): flat[:, at] for at, name in enumerate(named)}
