"""The arrays of an observation and what their elements are called.

`leaves` walks a space into its arrays and encodes choices one-hot; `axes` names the axes of an array and alone
decides what counts as an image; `parts` locates an array in the encoded observation; `image` prepares an
image for display. Imports `errors` and `_util` only. Start with `_features.py`: `Features`.
"""

from rltools.spaces._features import Features, space_features
from rltools.spaces.parts import Part

__all__ = ["Features", "Part", "space_features"]
