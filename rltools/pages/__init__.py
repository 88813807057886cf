"""HTML: reports of runs and experiments, replays, cards for notebooks, and pages as a single file.

Pages load nothing and compute no statistics: `report/` shows what `summary` found, `replay/` carries the numbers of
its episodes as JSON, which the ES modules in `replay/page/` draw. Read `report/_run.py` first. May import `plots` and
the rooms that it imports.
"""
