"""fastenv: the environment you have here, on every node of the cluster, exactly.

The verbs, in the order of the data; each has a module of its name:

    scan            an environment -> Inventory      reads files, never the network
    lock            Inventory -> Lock                reads the network, never changes the environment
    materialize     Lock -> an environment, Report   never chooses a version
    verify          an environment -> Findings       changes nothing
    env_id          Lock -> the name of exactly this environment
    diff            two environments -> Differences  whether scanned, locked or known by an id
    check_lock      Lock -> Differences              whether it still fits the environment
    why             a name -> Why                    where it came from, who wants it, what the lock does
    node_program    where the program lies that does the same on nodes without Python

The nouns are frozen values. Errors are in ``fastenv.exceptions``; ``FastenvError`` is the base of all.
"""

# Nothing is imported until it is asked for: `import fastenv` and `fastenv exec` cost next to nothing.
import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # typing's own takes milliseconds to import
if TYPE_CHECKING:
    from fastenv._core import Finding, Report
    from fastenv.diff import Difference, diff
    from fastenv.env_id import env_id
    from fastenv.event import Event
    from fastenv.exceptions import FastenvError
    from fastenv.lock import Lock, lock
    from fastenv.lock.check import check_lock
    from fastenv.materialize import materialize
    from fastenv.node_program import node_program
    from fastenv.scan import Inventory, scan
    from fastenv.settings import Rules
    from fastenv.verify import verify
    from fastenv.why import Why, why

__all__ = [
    "Difference",
    "Event",
    "FastenvError",
    "Finding",
    "Inventory",
    "Lock",
    "Report",
    "Rules",
    "Why",
    "check_lock",
    "diff",
    "env_id",
    "lock",
    "materialize",
    "node_program",
    "scan",
    "verify",
    "why",
]

_HOME = {
    "Difference": "fastenv.diff",
    "Event": "fastenv.event",
    "FastenvError": "fastenv.exceptions",
    "Finding": "fastenv._core",
    "Inventory": "fastenv.scan",
    "Lock": "fastenv.lock",
    "Report": "fastenv._core",
    "Rules": "fastenv.settings",
    "Why": "fastenv.why",
    "check_lock": "fastenv.lock.check",
    "diff": "fastenv.diff",
    "env_id": "fastenv.env_id",
    "lock": "fastenv.lock",
    "materialize": "fastenv.materialize",
    "node_program": "fastenv.node_program",
    "scan": "fastenv.scan",
    "verify": "fastenv.verify",
    "why": "fastenv.why",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fastenv' has no attribute {name!r}")
    found: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package, where a verb's name means the verb.

    The import system binds a module to its name in its package once it is loaded: without this,
    ``fastenv.scan`` would be the folder for whoever imported anything from it before, and the function for
    everyone else.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and _HOME.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
