"""The report: runs come in as files, a static site goes out, and the same model gives the summary for a CI job.

`runs`, `outcomes_file` and `costs_file` read, with `places` as the only door for what strangers wrote. `model` is what
they return, `views`, `traces` and `words` are ways to look at it, `ratios` and `scaling` draw, `pages` and `site` write.
"""

from __future__ import annotations

from asyncwith.report.model import Model
from asyncwith.report.runs import read_runs
from asyncwith.report.site import build
from asyncwith.report.summary import headlines, summary_markdown
from asyncwith.report.views import View

__all__ = ["Model", "View", "build", "headlines", "read_runs", "summary_markdown"]
