"""What is measured, and how much it may be: the rows of the table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONDA", "ROWS", "TORCH", "WHEELS", "Row"]

UV = "x uv"
ITSELF = "x itself"
RATTLER = "x rattler"


@dataclass(frozen=True)
class Row:
    """One row. Its figure, in ``unit``, is better the smaller it is; up to ``limit`` it is met."""

    name: str
    case: str
    unit: str
    limit: float
    stretch: float | None = None


WHEELS = (
    Row("cold", "cold, loopback index at full speed", UV, 0.75, 0.6),
    Row("default", "cold, default options, until exec can start", UV, 0.8, 0.65),
    Row("limited", "cold, each connection limited to 25 MB/s", UV, 0.5, 0.35),
    Row("warm", "warm store, new prefix", UV, 0.7, 0.6),
    Row("compiled", "warm store that holds the .pyc, new prefix", UV, 0.03, 0.02),
    Row("again", "the same environment again, whole process", "ms", 15, 5),
    Row("exec", "exec of true when warm, over a plain exec", "ms", 12, 6),
    Row("import", "CPU of the first imports with .pyc, over the second", ITSELF, 1.1, 1.05),
    Row("crowd", "8 processes, one lock and prefix, cold, over one", ITSELF, 1.3, 1.15),
    Row("memory-cold", "peak anonymous memory, cold", "MB", 300, 200),
    Row("memory-warm", "peak anonymous memory, warm", "MB", 60, 40),
    Row("syscalls", "system calls for each linked file, warm", "calls", 1.5, 1.25),
)
TORCH = (Row("torch", "torch with its CUDA wheels, cold, 25 MB/s a connection", UV, 0.35),)
CONDA = (
    Row("conda-cold", "conda packages, cold, loopback channel", RATTLER, 0.65, 0.55),
    Row("conda-warm", "the same, warm store, new prefix", RATTLER, 0.7, 0.55),
    Row("conda-crowd", "8 processes, 8 prefixes, one warm store", RATTLER, 0.4, 0.3),
    Row("conda-again", "the same environment again, whole process", "ms", 15, 5),
)
ROWS = (*WHEELS, *TORCH, *CONDA)
