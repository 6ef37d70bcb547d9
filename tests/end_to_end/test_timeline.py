"""``--timeline``: a page that shows what was done when, and nothing of where it came from."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.lab.lab import Lab

import fastenv


def content(page: Path) -> Any:
    """What the page's script reads."""
    (text,) = re.findall(
        r'<script type="application/json" id="content">(.*?)</script>', page.read_text(), flags=re.DOTALL
    )
    return json.loads(text)


def sorts(lane: Any) -> set[str]:
    return {bar["s"] for bar in lane["bars"]}


def test_every_package_has_its_lane(lab: Lab) -> None:
    wheels = [lab.wheel(name, files={f"{name}.py": "x = 1"}) for name in ("foo", "bar", "ham")]
    page = lab.folder / "page.html"
    lab.materialize(lab.lock(*wheels), "--timeline", page)
    shown = content(page)
    assert shown["ended"] == "done"
    assert sorted(lane["name"] for lane in shown["lanes"]) == ["bar", "foo", "ham"]
    assert all(sorts(lane) >= {"fetch", "unpack", "link"} for lane in shown["lanes"])
    assert shown["fetched"] == sum(wheel.stat().st_size for wheel in wheels)
    assert {name for name, _, _ in shown["stages"]} >= {"plan", "fetch", "link", "finish", "publish"}
    assert shown["path"][-1][4] == "publish"
    assert all(0 <= bar["f"] <= bar["t"] <= shown["total"] for lane in shown["lanes"] for bar in lane["bars"])
    assert shown["samples"][-1][1] > 0


def test_what_is_in_the_store_is_only_linked(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("foo"))
    lab.materialize(lock, prefix="first")
    page = lab.folder / "page.html"
    lab.materialize(lock, "--timeline", page, prefix="second")
    assert [sorts(lane) for lane in content(page)["lanes"]] == [{"link"}]
    lab.materialize(lock, "--timeline", page, prefix="second")
    assert content(page)["ended"] == "the environment was there already"


def test_python_has_it_too(lab: Lab) -> None:
    page = lab.folder / "page.html"
    fastenv.materialize(lab.lock(lab.wheel("foo")), root=lab.root, timeline=page, compile=False)
    assert [lane["name"] for lane in content(page)["lanes"]] == ["foo"]


def test_the_page_tells_no_address_and_loads_nothing(lab: Lab) -> None:
    row = lab.row(lab.wheel("foo"))
    url = str(row.url).replace("://", "://user:sesame@")
    page = lab.folder / "page.html"
    lab.run("materialize", lab.lock(row.but(url=url)), "--prefix", lab.prefix("env"), "--timeline", page)
    text = page.read_text()
    for secret in ("://", "sesame", "127.0.0.1", "localhost", str(lab.folder)):
        assert secret not in text
    assert not re.search(r"""\b(src|href)=|@import|url\(""", text)


def test_a_run_that_fails_leaves_its_page(lab: Lab) -> None:
    good, bad = lab.wheel("good"), lab.wheel("bad")
    lock = lab.lock(good, bad)
    bad.unlink()
    page = lab.folder / "page.html"
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"), "--timeline", page)
    assert done.code == 7, done.err
    shown = content(page)
    assert shown["ended"] == "failed: the network, bad"
    assert "fetch" in sorts(next(lane for lane in shown["lanes"] if lane["name"] == "bad"))


def test_a_bad_lock_gets_no_page(lab: Lab) -> None:
    lock = lab.folder / "pylock.toml"
    lock.write_text("lock-version = ")
    page = lab.folder / "page.html"
    assert lab.run("materialize", lock, "--timeline", page).code == 3
    assert not page.exists()


def test_a_page_that_cannot_be_written_is_known_before_the_work(lab: Lab) -> None:
    page = lab.folder / "nowhere" / "page.html"
    assert str(page.parent) in lab.refuse(lab.lock(lab.wheel("foo")), 6, "--timeline", page)


def test_an_old_page_is_replaced_whole(lab: Lab) -> None:
    page = lab.folder / "page.html"
    page.write_text("old")
    lab.materialize(lab.lock(lab.wheel("foo")), "--timeline", page)
    assert content(page)["ended"] == "done"
    assert [path.name for path in lab.folder.glob("page.html*")] == ["page.html"]


@pytest.mark.slow
def test_a_browser_shows_it(lab: Lab) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not here")
    page = lab.folder / "page.html"
    lab.materialize(lab.lock(lab.wheel("foo"), lab.wheel("ham-and-eggs")), "--timeline", page)
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={lab.folder / 'browser'}"]
    command = [browser, *flags, "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "<td>foo</td>" in done.stdout
    assert "<td>ham-and-eggs</td>" in done.stdout
    shown = re.search(r'id="chain">(.*)', done.stdout)
    assert shown is not None
    assert re.search(r"critical path: .*\b(interpreter|fetch|unpack|link|finish) [0-9.]+ m?s\b", shown[1]), (
        shown[1]
    )
