"""The core, in Rust: coarse calls that release the GIL and can be interrupted.

`fastenv.materialize` and its siblings are the public face; these take what those have checked.
"""

from collections.abc import Callable
from pathlib import Path
from typing import final

from typing_extensions import Self

__all__ = [
    "Event",
    "Finding",
    "NeededLibrary",
    "Report",
    "compute_env_id",
    "env_id",
    "kept_lock",
    "materialize",
    "needed_libraries",
    "verify",
]

@final
class Event:
    """One thing that happened in a long call; fields that its kind does not have are empty or 0.

    `kind` is one of

    * `plan`: `done` of `total` packages are in the store, `total_bytes` must be fetched;
    * `progress`: `done` of `total` packages, `done_bytes` of `total_bytes`; at most one in 50 ms;
    * `stored`: `package` is in the store;
    * `stage`: `stage` (`fetch`, `link`, `publish`) has ended after `seconds`;
    * `building`: a wheel of the local project `package` is being built;
    * `packed`: a wheel of `package`, which no index has, was made; `message` says of what and why;
    * `compared`: `message` is the folder of the environment that a lock is compared with (`check_lock`);
    * `warning`: `message`, one sentence, about `package` (or about none).
    """

    def __new__(
        cls,
        kind: str,
        *,
        package: str = "",
        message: str = "",
        stage: str = "",
        seconds: float = 0.0,
        done: int = 0,
        total: int = 0,
        done_bytes: int = 0,
        total_bytes: int = 0,
    ) -> Self: ...
    @property
    def kind(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def done_bytes(self) -> int: ...
    @property
    def total_bytes(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Report:
    """What `materialize` made.

    `prefix` is where the environment stands, `env_id` its id (64 hexadecimal digits), `packages` how many it has,
    `fetched_bytes` what crossed the network, `reused` whether it stood already, and `warnings` what the user should
    know, a sentence each.
    """

    @property
    def prefix(self) -> Path: ...
    @property
    def env_id(self) -> str: ...
    @property
    def packages(self) -> int: ...
    @property
    def fetched_bytes(self) -> int: ...
    @property
    def reused(self) -> bool: ...
    @property
    def warnings(self) -> list[str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Finding:
    """A path that is not as it was published.

    `kind` is `missing`, `unexpected`, `mode` (type, link target or executable bit), `size`, `content` (only with
    `full`), or `record` (fastenv's own record of the environment is damaged). `path` is relative to the prefix;
    `package` is empty if the path belongs to none.
    """

    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def package(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class NeededLibrary:
    """A library that shared objects need and that is none of the environment's own.

    `name` is its soname (or a path, where an object names one), `packages` who needs it, sorted; of a library of glibc
    those that want its `versions`. `path` is where it is on this machine, if it is. `folders` are absolute folders that
    the objects themselves name and where it was found. `versions` are the newest versions of symbols (`GLIBC_2.34`)
    that are wanted of it, if it is glibc's or GCC's.
    """

    @property
    def name(self) -> str: ...
    @property
    def packages(self) -> list[str]: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def folders(self) -> list[Path]: ...
    @property
    def versions(self) -> list[str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

def compute_env_id(text: str) -> str:
    """The env id (docs/env-id.md) that a lock's text describes, whatever id it states.

    Raises:
        LockFormatError: the text is not a lock that this version reads.
    """

def env_id(text: str, label: str) -> str:
    """The env id that a lock states, checked against its content; `label` names the lock in errors.

    Raises:
        LockFormatError: the text is not a lock that this version reads, or states another id.
    """

def kept_lock(id: str, *, root: str | None) -> str:  # noqa: A002 # an env id has no other name
    """The text of the lock that a store keeps of the environment with this id: 12 digits of it or more, lower case.

    Raises:
        LockFormatError: the store has none, or several that begin so; or it is damaged.
        NodeUnfitError, FileSystemError: there is no store.
    """

def materialize(
    text: str,
    folder: str,
    label: str,
    *,
    root: str | None,
    prefix: str | None,
    python: str | None,
    link_mode: str,
    jobs: int | None,
    connections: int | None,
    durable: bool,
    strict: bool,
    allow_missing_libs: list[str],
    compile: bool | None,  # noqa: A002 # as pip's option is called
    program: str | None,
    timeline: str | None,
    overrides: list[str],
    on_event: Callable[[Event], object] | None,
) -> Report:
    """Makes the environment of a lock, or finds it made; see `fastenv.materialize`.

    `text` is the lock's, `folder` the one that its relative paths are below, `label` its name in errors. `compile`
    None makes byte code in the background by `program`, the node program, if there is one; that is also asked for the
    version of CUDA. `overrides` are of the form `__cuda=12.4`.

    Raises:
        LockFormatError, ArtifactError, NodeUnfitError, FileSystemError, NetworkError: see `fastenv.exceptions`.
        KeyboardInterrupt: Ctrl-C; nothing half-made is left.
        ValueError: `link_mode` is none of auto, hardlink, reflink, copy, or an override is none.
    """

def needed_libraries(
    parts: list[tuple[str, list[str]]], *, library_path: str, program: str | None
) -> list[NeededLibrary]:
    """What the shared objects of an environment need that is none of its own, sorted by name.

    `parts` are the packages, each with the absolute paths of files that may be objects: what is none, or one of another
    processor, is passed over. It is looked for as the dynamic loader does for `program`, the interpreter, with
    `library_path` in LD_LIBRARY_PATH. What glibc brings is listed only where versions of its symbols are wanted.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """

def verify(prefix: str, *, full: bool, on_event: Callable[[Event], object] | None) -> list[Finding]:
    """What of the environment at `prefix` is not as it was published, sorted by path; see `fastenv.verify`.

    Raises:
        FileSystemError: it can't be read, or is not an environment that fastenv made.
    """
