"""How each row is measured."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from benches.against.calm import Calm
from benches.against.figure import FailedError, Figure, ratio
from benches.against.process import Run
from benches.local.ground import Ground, Home
from benches.local.projects import FIRST_VALUE, edit, make_projects
from uv import find_uv_bin

__all__ = ["MEASURES", "Round", "Setting"]

TURNS = 3


@dataclass
class Setting:
    """The environments, made when a row first asks for them. ``small`` and ``large`` are wheels."""

    ground: Ground
    calm: Calm
    small: Sequence[Path]
    large: Sequence[Path]
    how_many: int = 10
    values: count[int] = field(default_factory=lambda: count(FIRST_VALUE + 1))

    @cached_property
    def projects(self) -> Sequence[Path]:
        """Source trees, ten if nothing else is asked for."""
        return make_projects(self.ground.folder / "projects", self.how_many, self.ground.home("author").env)

    @cached_property
    def plain(self) -> Path:
        """An environment of wheels alone; its interpreter."""
        return self.ground.environment("plain", self.small)

    @cached_property
    def edited(self) -> Path:
        """The same wheels, and the projects."""
        return self.ground.environment("edited", self.small, self.projects)

    @cached_property
    def demo(self) -> Path:
        """The same wheels, and one project: as in ``make demo``."""
        return self.ground.environment("demo", self.small, self.projects[:1])

    @cached_property
    def big(self) -> Path:
        """An environment of the large set."""
        return self.ground.environment("large", self.large)


class Round:
    """One round: new users, who know nothing of what those of earlier rounds did."""

    def __init__(self, setting: Setting, number: int) -> None:
        self.setting = setting
        self.number = number
        self._homes: dict[str, Home] = {}

    def home(self, name: str) -> Home:
        """This round's user of that name."""
        if name not in self._homes:
            self._homes[name] = self.setting.ground.home(f"{name}-{self.number}")
        return self._homes[name]

    def calmly(self, work: Callable[[], Run]) -> Run:
        """Do it when nothing else is going on."""
        self.setting.calm.wait()
        return work()


def projects(turn: Round) -> Figure:
    """Ten projects that nobody has touched, in turn with none."""
    home, setting = turn.home("projects"), turn.setting
    sides = ((setting.edited, "with"), (setting.plain, "without"))
    for python, name in sides:
        home.lock(python, name)
    runs: dict[str, list[Run]] = {"with": [], "without": []}
    for number in range(TURNS):
        for python, name in sides if number % 2 else reversed(sides):
            runs[name].append(turn.calmly(lambda p=python, n=name: home.lock(p, n)))  # type: ignore[misc]
    return ratio(*([it.seconds for it in runs[name]] for name in ("with", "without")), facts=_cpu(runs))


def first(turn: Round) -> Figure:
    """Caches are empty: every wheel's RECORD is read from the index, and every installed file."""
    python, home = turn.setting.big, turn.home("large")
    done = turn.calmly(lambda: home.lock(python))
    return Figure(done.seconds, [done.seconds], facts=_cpu({"lock": [done]}))


def after(turn: Round) -> Figure:
    """Which wheels there are is asked again; what they hold, and what the installed files are, is known."""
    python, home = turn.setting.big, turn.home("large")
    if not home.locked().exists():
        home.lock(python)
    runs = []
    for _ in range(TURNS):
        home.forget_recent()
        runs.append(turn.calmly(lambda: home.lock(python)))
    seconds = [it.seconds for it in runs]
    at_once = turn.calmly(lambda: home.lock(python))
    facts = {**_cpu({"lock": runs}), "within_ten_minutes": at_once.seconds}
    return Figure(statistics.median(seconds), seconds, facts=facts)


def replaced(turn: Round) -> Figure:
    """One line edited, lock and materialize; the environment is asked for what the line says."""
    home, setting = turn.home("edits"), turn.setting
    for _ in range(2):  # the second one is built and compared, so that those after it need not be
        _edited(home, setting, next(setting.values))
    turns = [_edited(home, setting, next(setting.values), turn.setting.calm) for _ in range(TURNS)]
    if any(it.built for it in turns):
        raise FailedError("an edit that needs no build was built")
    return _figure(turns)


def built(turn: Round) -> Figure:
    """The same where the settings changed too. The backend's own time is that of `uv build` on such a tree."""
    home, setting = turn.home("edits"), turn.setting
    _edited(home, setting, next(setting.values))
    turns, backend = [], []
    for _ in range(TURNS):
        value = next(setting.values)
        with (setting.projects[0] / "pyproject.toml").open("a") as stream:
            stream.write(f"# {value}\n")
        turns.append(_edited(home, setting, value, setting.calm))
        backend.append(turn.calmly(lambda v=value: _build(home, setting.projects[0], v)).seconds)  # type: ignore[misc]
    if not all(it.built for it in turns):
        raise FailedError("an edit that needs a build was not built")
    figure = _figure(turns)
    own = statistics.median(backend)
    return Figure(figure.value - own, figure.ours, backend, figure.facts)


@dataclass(frozen=True)
class _Turn:
    lock: Run
    materialize: Run

    @property
    def seconds(self) -> float:
        return self.lock.seconds + self.materialize.seconds

    @property
    def built(self) -> bool:
        return "building bench-0" in self.lock.told


def _edited(home: Home, setting: Setting, value: int, calm: Calm | None = None) -> _Turn:
    python, project = setting.demo, setting.projects[0]
    edit(project, value)
    if calm is not None:
        calm.wait()
    turn = _Turn(home.lock(python), home.materialize())
    prefix = turn.materialize.told.strip().splitlines()
    ask = [f"{next(it for it in prefix if it.startswith('/'))}/bin/python", "-c"]
    said = home.run([*ask, "import bench_0.edited as it; print(it.VALUE)"]).told
    if said.strip() != str(value):
        raise FailedError("the edit is not in the environment")
    return turn


def _build(home: Home, project: Path, value: int) -> Run:
    """``uv build`` alone, on a copy of the tree."""
    tree = home.folder / f"tree-{value}"
    shutil.copytree(project, tree)
    return home.run([find_uv_bin(), "build", "--wheel", "--out-dir", home.folder / "out", tree])


def _figure(turns: Sequence[_Turn]) -> Figure:
    seconds = [it.seconds for it in turns]
    facts = _cpu({"lock": [it.lock for it in turns], "materialize": [it.materialize for it in turns]})
    locks = statistics.median(it.lock.seconds for it in turns)
    return Figure(statistics.median(seconds), seconds, facts={**facts, "lock": locks})


def _cpu(runs: Mapping[str, Sequence[Run]]) -> dict[str, float]:
    """Processor time of each kind, the children that were waited for included."""
    return {f"{name}_cpu": statistics.median(it.cpu_seconds for it in done) for name, done in runs.items()}


MEASURES: Mapping[str, Callable[[Round], Figure]] = {
    "projects": projects,
    "first": first,
    "after": after,
    "replaced": replaced,
    "built": built,
}
