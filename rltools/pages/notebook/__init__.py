"""HTML cards for notebooks, for recordings, attributions, summaries, ablations and the result of `analyze`.

The classes call `object_html` in `_repr_html_`. `_card.py` makes every card; read it first. May import recording,
summary and plots.
"""

from functools import singledispatch

from rltools.ablation import Ablation
from rltools.pages.notebook._recording import attribution_html, recording_html
from rltools.pages.notebook._summary import ablation_html, analysis_html, summary_html
from rltools.recording import Attribution, Recording
from rltools.summary import Summary

__all__ = ["ablation_html", "analysis_html", "attribution_html", "object_html", "recording_html", "summary_html"]


@singledispatch
def object_html(item: object) -> str:
    """The card of an object of rltools.

    Raises:
        TypeError: there is no card for its class.
    """
    raise TypeError(f"there is no card for a {type(item).__name__}")


object_html.register(Ablation, ablation_html)
object_html.register(Attribution, attribution_html)
object_html.register(Recording, recording_html)
object_html.register(Summary, summary_html)
