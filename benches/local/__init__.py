"""What locking costs where code is edited, in three figures: ten projects, origins verified, one line edited.

``make bench`` runs all of it; while working, ``python -m benches.local --rows replaced --rounds 1``.
docs/benchmarks.md says how it is measured, and why so.
"""
