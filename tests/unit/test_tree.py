"""The files below a folder."""

from __future__ import annotations

from pathlib import Path

from fastenv.build.installed_files import files_of_tree
from fastenv.tree import files_below


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    """Each way to a file counts, also where the link to its folder comes first."""
    for name in ("z/inner/file", "top"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "a").symlink_to("z")
    (tmp_path / "z/inner/up").symlink_to("..")
    (tmp_path / "nowhere").symlink_to("absent")
    found = list(files_below(str(tmp_path), lambda _place, name: name == "skipped"))
    assert found == ["a/inner/file", "top", "z/inner/file"]
    rows = [row.install_path for row in files_of_tree(str(tmp_path), "site/x", without=("top",))]
    assert rows == ["site/x/a/inner/file", "site/x/z/inner/file"]
