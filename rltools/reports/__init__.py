"""One page for a run, and one for an experiment, that a stranger understands; each also as one file to mail."""

from rltools.reports._comparison import write_comparison
from rltools.reports._mail import mail_report
from rltools.reports._run import write_report

__all__ = ["mail_report", "write_comparison", "write_report"]
