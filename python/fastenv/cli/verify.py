"""``fastenv verify``: what of an environment is not as it was published."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

import fastenv
from fastenv.cli.parameter import PATH, Argument, Command
from fastenv.progress import show

__all__ = ["verify"]


@click.command("verify", cls=Command)
@click.argument("prefix", type=PATH, metavar="PREFIX", cls=Argument, said="The environment.")
@click.option("--full", is_flag=True, help="Hash every file, not only look at its size and mode.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def verify(prefix: Path, *, full: bool, as_json: bool) -> None:
    """Compare an environment with what was published. Exit status 1 if anything differs."""
    with show("verify", as_json=as_json) as on_event:
        findings = fastenv.verify(prefix, full=full, on_event=on_event)
    for finding in findings:
        row = {"kind": finding.kind, "path": finding.path, "package": finding.package}
        if as_json:
            print(json.dumps({"event": "finding", **row}))
        else:
            owner = f"  ({finding.package})" if finding.package else ""
            print(f"{finding.kind:<10}  {finding.path}{owner}")
    if as_json:
        print(json.dumps({"event": "done", "findings": len(findings)}))
    elif not findings:
        print(f"{prefix}: as it was published", file=sys.stderr)
    if findings:
        raise click.exceptions.Exit(1)
