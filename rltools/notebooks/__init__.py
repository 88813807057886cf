"""How notebooks show a recording, an attribution, a summary, and what `analyze` returns: cards of HTML.

A class shows itself with `_repr_html_`, which loads this room only then.
"""

from rltools.notebooks._attribution import attribution_html
from rltools.notebooks._recording import recording_html
from rltools.notebooks._summary import analysis_html, summary_html

__all__ = ["analysis_html", "attribution_html", "recording_html", "summary_html"]
