"""One page for a run, and one for an experiment, that a stranger understands."""

from rltools.reports._comparison import write_comparison
from rltools.reports._run import write_report

__all__ = ["write_comparison", "write_report"]
