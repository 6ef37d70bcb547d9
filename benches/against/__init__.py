"""fastenv beside uv and py-rattler: every row of the table that says how fast we mean to be, in turn with the peer.

``make bench`` runs all of it; while working, ``python -m benches.against --rows cold,warm --rounds 1``.
docs/benchmarks.md says how it is measured, and why so.
"""
