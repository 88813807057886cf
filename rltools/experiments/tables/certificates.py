"""Which features each agent can do without, and how certain that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, joined

if TYPE_CHECKING:
    import pandas as pd

    from rltools.ablation import Certificate

PRINTED = Printed(
    "The largest sets of features that were replaced together for less than the allowed part of the return, certified "
    "on fresh seeds.",
    rows=RUN,
    values=(
        Column("Left out", "left_out", wide=True),
        Column("Remaining", "remaining", wide=True),
        Column("Loss", "loss", "number", bold="holds"),
        Column("At most", "bound", "number"),
        Column("Return", "baseline", "number"),
        Column("Seeds", "seeds", "count"),
    ),
    bold="the certificate holds",
)


def certificates(results: Results) -> pd.DataFrame:
    """A row for each run for which the experiment sought what can be left out; else none.

    Columns after those of the run:
        replacement: what stands in the place of what is left out.
        part: the allowed loss, as a part of the return.
        holds: whether the loss is certainly not larger than allowed.
        remaining: the variables that the policy still sees, separated by "; ".
        left_out: the variables that were replaced together, separated by "; ".
        loss: their loss of return, in units of the reward.
        bound: the upper bound of the loss.
        baseline: the mean return without replacement.
        seeds: the number of fresh paired episodes.
        sentence: the same in words.
    """
    ablations = [(result, result.measured.ablation) for result in results]
    certified = [(result, ablation.certificate) for result, ablation in ablations if ablation is not None]
    return joined((result, _row(certificate)) for result, certificate in certified if certificate is not None)


def _row(certificate: Certificate) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "replacement": [certificate.replacement],
            "part": [certificate.part],
            "holds": [certificate.holds],
            "remaining": ["; ".join(certificate.remaining)],
            "left_out": ["; ".join(certificate.left_out)],
            "loss": [certificate.loss],
            "bound": [certificate.bound],
            "baseline": [certificate.baseline],
            "seeds": [certificate.seeds],
            "sentence": [str(certificate)],
        }
    )
