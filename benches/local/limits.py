"""What is measured, and how much it may be: the rows of the table."""

from __future__ import annotations

from benches.against.limits import Row

__all__ = ["ROWS"]

ROWS = (
    Row("projects", "lock with 10 unchanged local projects, over the lock without them", "x without", 1.5),
    Row("first", "lock with origins verified, nothing known yet", "s", 20),
    Row("after", "the same again, the indexes asked anew", "s", 4),
    Row("replaced", "one line edited, to an environment that runs it, without a build", "s", 1),
    Row("built", "the same with a build, less the backend's own time", "s", 3),
)
