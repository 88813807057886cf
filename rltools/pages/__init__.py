"""Everything that is HTML: reports of runs and experiments, replays, cards for notebooks, pages as one file.

No page loads anything or computes a statistic: `report/` shows what `summary` found, `replay/` carries the numbers of
its episodes as JSON, which the ES modules in `replay/page/` draw. Read `report/_run.py` first. May import `plots` and
the rooms that it imports.
"""
