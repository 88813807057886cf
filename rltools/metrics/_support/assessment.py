"""What a metric says of an attribution beside its controls, as data and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rltools._util.text import interval, two_decimals
from rltools.metrics._support.metric import Better

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


@dataclass(frozen=True)
class Assessment:
    """The value of a metric for one attribution, beside the values of its controls.

    Attributes:
        method: the method of the attribution.
        target: its target as text.
        settings: what else tells it from others of the same method and target; "" if nothing does.
        metric: the name of the metric.
        question: that the metric answers.
        value: of the metric.
        low: the lower end of its interval; NaN if its variation is unknown.
        high: the upper end.
        n: how many things the value is a mean over.
        counts: what `n` counts, in the singular.
        better: whether "higher" or "lower" values are better.
        random: the mean value of maps of random numbers; NaN if the metric has no such control.
        random_limit: the value that one random map in twenty reaches.
        std: the value of the map that shows how much each feature varies, and nothing of the agent.
        constant: the value of a map that is the same everywhere.
        separates: whether the attribution is certainly better than every control; None if that is unknown.
        verdict: the same as a sentence.
        control: whether the attribution is itself a recorded control.
        replacement: what stood in the place of the features where losses were measured; "" if the metric needs none.
        key: the folder name of the attribution.

    Example:
        >>> from rltools.metrics import Assessment
        >>> result = Assessment("gradient", "logit:chosen", metric="loss_concordance", value=0.5, low=0.25, high=0.75)
        >>> result.text
        '0.5 [0.2, 0.8]'
    """

    method: str
    target: str
    settings: str = ""
    metric: str = ""
    question: str = ""
    value: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    counts: str = ""
    better: Better = "higher"
    random: float = NAN
    random_limit: float = NAN
    std: float = NAN
    constant: float = NAN
    separates: bool | None = None
    verdict: str = ""
    control: bool = False
    replacement: str = ""
    key: str = ""

    @property
    def text(self) -> str:
        """The value with its interval."""
        return interval(self.value, self.low, self.high, two_decimals)


@dataclass(frozen=True)
class LeftOut:
    """A metric that was not computed for some attributions.

    Attributes:
        metric: its name.
        reason: why not, in words.
        methods: of which attributions; empty for all.
    """

    metric: str
    reason: str
    methods: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The metric with the reason."""
        methods = f" of {', '.join(self.methods)}" if self.methods else ""
        return f"{self.metric}{methods}: {self.reason}"


@dataclass(frozen=True)
class Assessments:
    """What metrics say of the attributions of a recording.

    Attributes:
        rows: one for each attribution and metric, by question and metric.
        left_out: what was not computed, and why.

    Example:
        >>> from rltools.metrics import Assessments
        >>> Assessments((), ()).left_out_text
        ''
    """

    rows: tuple[Assessment, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def left_out_text(self) -> str:
        """What was left out, in one line; "" if nothing was."""
        by_reason: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for each in self.left_out:
            by_reason.setdefault((each.reason, each.methods), []).append(each.metric)
        parts = [str(LeftOut(", ".join(names), *reason)) for reason, names in by_reason.items()]
        return f"Left out: {'; '.join(parts)}." if parts else ""

    def to_pandas(self) -> pd.DataFrame:
        """A row for each attribution and metric, a column for each attribute of `Assessment`.

        `frame.attrs["left_out"]` says what was left out.
        """
        import pandas as pd

        columns = list(Assessment.__dataclass_fields__)
        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=columns)
        frame.attrs["left_out"] = [str(each) for each in self.left_out]
        return frame
