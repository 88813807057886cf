"""The page of a run and the page of an experiment.

`_run.py` writes the page of a run and `_experiment.py` the page of an experiment, from the templates in `page/`;
`_statement.py` puts findings in their places. Their words come from `summary` and the glossary. Read `_run.py` first.
May import plots and summary.
"""

from rltools.pages.report._experiment import write_comparison
from rltools.pages.report._groups import Groups
from rltools.pages.report._run import write_report
from rltools.pages.single_file import export_report

__all__ = ["Groups", "export_report", "write_comparison", "write_report"]
