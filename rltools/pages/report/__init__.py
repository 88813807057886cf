"""One page for a run, and one for an experiment, that a stranger understands; each also as one file to mail."""

from rltools.pages.report._experiment import write_comparison
from rltools.pages.report._run import write_report
from rltools.pages.single_file import export_report

__all__ = ["export_report", "write_comparison", "write_report"]
