"""The README's chart, from the newest results of the ds set: ``python benches/chart.py [RESULTS] [-o docs/speed.svg]``.

Only what was measured is drawn, met or not. Each pair of bars has a scale of its own, which the chart says.
"""

from __future__ import annotations

import argparse
import html
import json
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROWS = {
    "cold": ("cold", "empty store, index on the same machine"),
    "limited": ("cold, 25 MB/s a connection", "the same behind a slower server"),
    "warm": ("warm", "all wheels in the store, new prefix"),
    "compiled": ("warm, with byte code", "uv: --compile-bytecode"),
    "again": ("again", "the environment stands already"),
}
WIDTH, LEFT, BAR, GAP = 800, 240, 330, 54
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e }
  .bold { font-weight: 600 } .ours { fill: #1a7f37 } .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .ours { fill: #3fb950 } .peer { fill: #656c76 }
  }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the chart of the README.")
    parser.add_argument("results", type=Path, nargs="?", help="the newest of the ds set if left out")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/speed.svg")
    arguments = parser.parse_args()
    path = arguments.results or newest(ROOT / "benches/results")
    arguments.output.write_text(chart(json.loads(path.read_text())))
    print(f"{arguments.output}, from {path.name}")


def newest(folder: Path) -> Path:
    """The last of the ds set that has all that is drawn; names begin with the date."""
    found = [path for path in sorted(folder.glob("*-ds.json")) if ROWS.keys() <= _measured(path)]
    if not found:
        raise SystemExit("there are no results yet: make bench")
    return found[-1]


def _measured(results: Path) -> set[str]:
    return {row["name"] for row in json.loads(results.read_text())["rows"]}


def chart(results: dict[str, Any]) -> str:
    """The SVG."""
    rows = [row for row in results["rows"] if row["name"] in ROWS and row["rounds"]]
    height = 62 + GAP * len(rows) + 42
    uv = next((it.split("==")[1] for it in results["versions"] if it.startswith("uv==")), "")
    about = (
        f"{results['set']['wheels']} wheels, {results['set']['bytes'] / 1e6:.0f} MB."
        " Shorter is better; each pair has its own scale."
    )
    size = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(said(rows))}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{STYLE}</style>",
        '<rect class="ours" x="0" y="10" width="12" height="12"/><text x="18" y="20">fastenv</text>',
        f'<rect class="peer" x="90" y="10" width="12" height="12"/><text x="108" y="20">uv {uv}</text>',
        f'<text x="0" y="44" class="small">{html.escape(about)}</text>',
    ]
    for at, row in enumerate(rows):
        parts += _pair(row, 62 + GAP * at)
    parts.append(
        f'<text x="0" y="{height - 14}" class="small">{html.escape(_conditions(results, rows))}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def said(rows: list[dict[str, Any]]) -> str:
    """The chart in words, for those who do not see it."""
    pairs = ((ROWS[row["name"]][0], *sides(row)) for row in rows)
    return "; ".join(f"{name}: fastenv {_time(ours)}, uv {_time(peer)}" for name, ours, peer in pairs)


def sides(row: dict[str, Any]) -> tuple[float, float]:
    """Median seconds of both sides, over all rounds."""
    scale = 1e-3 if row["unit"] == "ms" else 1.0
    ours, peer = ([value for figure in row["rounds"] for value in figure[side]] for side in ("ours", "peer"))
    return statistics.median(ours) * scale, statistics.median(peer) * scale


def _pair(row: dict[str, Any], top: int) -> list[str]:
    name, below = ROWS[row["name"]]
    ours, peer = sides(row)
    # A ratio row says its own ratio: the median of the rounds, in which the sides took turns.
    share = row["median"] if row["unit"] == "x uv" else ours / peer
    parts = [
        f'<text x="0" y="{top + 14}" class="bold">{html.escape(name)}</text>',
        f'<text x="0" y="{top + 30}" class="small">{html.escape(below)}</text>',
        f'<text x="{WIDTH - 160}" y="{top + 22}" class="bold">{_ratio(share)}</text>',
    ]
    for shift, side, seconds in ((0, "ours", ours), (18, "peer", peer)):
        width = max(1.5, BAR * seconds / max(ours, peer))
        parts.append(
            f'<rect class="{side}" x="{LEFT}" y="{top + 2 + shift}" width="{width:.1f}" height="14" rx="2"/>'
        )
        parts.append(
            f'<text x="{LEFT + width + 6:.1f}" y="{top + 13 + shift}" class="small">{_time(seconds)}</text>'
        )
    return parts


def _ratio(share: float) -> str:
    return f"{1 / share:.1f} times as fast" if share < 1 else f"{share:.1f} times as long"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _conditions(results: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    machine = results["machine"]
    rounds = max((len(row["rounds"]) for row in rows), default=0)
    return (
        f"{results['date'][:10]}, {machine['cores']} cores ({machine['cpu']}), {machine['file_system']},"
        f" medians of {rounds} in turn"
    )


if __name__ == "__main__":
    main()
