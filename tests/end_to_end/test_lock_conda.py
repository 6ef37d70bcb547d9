"""Real conda prefixes locked against a real channel."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.env_id_oracle import env_id
from tests.lab.conda_channel import Channel
from tests.lab.conda_data import Archive, data, environment, needs_conda_data
from tests.lab.conda_prefix import (
    copy_prefix,
    edit_record,
    made_prefix,
    move_channel,
    record_of,
    replace_text,
)

from fastenv.exceptions import LockFaults, NetworkError
from fastenv.lock import Lock, lock
from fastenv.lock.named_index import variable
from fastenv.materialize import materialize
from fastenv.scan import Inventory, scan
from fastenv.testing import make_wheel

pytestmark = [pytest.mark.shared, needs_conda_data()]

TOKEN = "to-ken-of-the-test"  # noqa: S105
SITE = "lib/python3.6/site-packages"


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "CONDA_PKGS_DIRS",
        "CONDA_EXE",
        "CONDA_ROOT",
        "MAMBA_ROOT_PREFIX",
        "RATTLER_CACHE_DIR",
        "CONDARC",
    ):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def channel() -> Iterator[Channel]:
    place = data()
    assert place is not None
    with Channel(place) as server:
        yield server


@pytest.fixture
def libraries(folder: Path, channel: Channel) -> Path:
    prefix = copy_prefix(made_prefix(environment("cf-libs")), folder / "env")
    move_channel(prefix, channel.url)
    return prefix


def archive(name: str) -> Archive:
    return next(it for it in environment("cf-libs") if it.name == name)


def locked(prefix: Path, folder: Path, *public: str, link_scripts: bool = False) -> Lock:
    output = folder / "pylock.toml"
    return lock(output=output, prefix=prefix, public_indexes=public, link_scripts=link_scripts)


def faults(prefix: Path, folder: Path, *public: str) -> dict[str, str]:
    with pytest.raises(LockFaults) as caught:
        locked(prefix, folder, *public)
    return {fault.package: f"{fault.reason} | {fault.hint}" for fault in caught.value.faults}


def test_every_package_by_address_and_sha256(libraries: Path, folder: Path, channel: Channel) -> None:
    """From the records alone: the channel is only asked whether the archives are there."""
    lock = locked(libraries, folder, channel.url)
    wanted = {it.name: it for it in environment("cf-libs")}
    assert [it.name for it in lock.conda] == sorted(wanted)
    for it in lock.conda:
        archive = wanted[it.name]
        assert (it.sha256, it.size, it.path) == (archive.sha256, archive.size, None)
        assert it.url == f"{channel.url}/{archive.relative}"
        assert it.channel == f"{channel.url}/{archive.channel}"
    assert (lock.interpreter, lock.packages, lock.link_scripts) == (None, (), False)
    assert {request.split()[0] for request in channel.requests} == {"HEAD"}
    assert lock.env_id == env_id(lock.text)
    assert Lock.read(folder / "pylock.toml") == lock
    assert locked(libraries, folder, channel.url).text == lock.text


def test_what_packages_want_of_the_node(libraries: Path, folder: Path, channel: Channel) -> None:
    record = json.loads(record_of(libraries, "libcurl").read_text())
    edit_record(libraries, "libcurl", depends=[*record["depends"], "__glibc  >=2.17,<3.0.a0", "__cuda"])
    edit_record(libraries, "zstd", depends=["__glibc >=2.17,<3.0.a0"], constrains=["__cuda >=12", "other 1"])
    rows = locked(libraries, folder, channel.url).virtual
    virtual = {it.spec: it.packages for it in rows}
    assert [(it.spec, it.packages) for it in rows if it.optional] == [("__cuda >=12", ("zstd",))]
    assert {"libcurl", "zstd"} <= set(virtual["__glibc >=2.17,<3.0.a0"])
    assert virtual["__cuda"] == ("libcurl",)


def test_link_scripts_only_if_asked_for(libraries: Path, folder: Path, channel: Channel) -> None:
    record = json.loads(record_of(libraries, "libcurl").read_text())
    edit_record(libraries, "libcurl", files=[*record["files"], "bin/.libcurl-post-link.sh"])
    replace_text(libraries / "bin/.libcurl-post-link.sh", "")
    without = locked(libraries, folder, channel.url)
    assert [it.name for it in without.conda if it.link_scripts] == ["libcurl"]
    asked = locked(libraries, folder, channel.url, link_scripts=True)
    assert asked.link_scripts
    assert asked.env_id != without.env_id


def test_shortcuts_are_named(libraries: Path, folder: Path, channel: Channel) -> None:
    record = json.loads(record_of(libraries, "libcurl").read_text())
    edit_record(libraries, "libcurl", files=[*record["files"], "Menu/libcurl.json"])
    (libraries / "Menu").mkdir()
    replace_text(libraries / "Menu/libcurl.json", "{}")
    said: list[str] = []
    output = folder / "pylock.toml"
    lock(
        output=output,
        prefix=libraries,
        public_indexes=[channel.url],
        on_event=lambda it: said.append(it.message),
    )
    assert [text for text in said if "menu" in text] == [
        "libcurl has shortcuts for a desktop's menu (Menu/*.json), which are copied and not installed"
    ]


def test_a_channel_that_is_not_public_travels(libraries: Path, folder: Path, channel: Channel) -> None:
    """The host of this channel is this machine."""
    lock = locked(libraries, folder)
    assert all(it.url is None and it.channel is None and it.path for it in lock.conda)
    for it in lock.conda:
        assert (folder / str(it.path)).read_bytes() == archive(it.name).path.read_bytes()
    assert "127.0.0.1" not in lock.text


@pytest.mark.parametrize("way", ["token", "login", "file"])
def test_a_channel_with_a_secret_travels(way: str, folder: Path) -> None:
    """Its bytes are got with the token of the record or the login in netrc, and neither is told."""
    place = data()
    assert place is not None
    prefix = copy_prefix(made_prefix(environment("cf-libs")), folder / "env")
    login = ("me", TOKEN) if way == "login" else None
    with Channel(place, token=TOKEN if way == "token" else "", login=login) as channel:
        address = {"token": f"{channel.url}/t/{TOKEN}", "login": channel.url, "file": place.as_uri()}[way]
        netrc = folder / "home/.netrc"
        netrc.write_text(f"machine 127.0.0.1 login me password {TOKEN}\n" if way == "login" else "")
        netrc.chmod(0o600)
        move_channel(prefix, address)
        public = [channel.url] if way == "token" else []
        lock = locked(prefix, folder, *public)
    assert all(it.path and (folder / it.path).is_file() for it in lock.conda)
    assert [it.sha256 for it in lock.conda] == [archive(it.name).sha256 for it in lock.conda]
    assert TOKEN not in lock.text
    assert "file://" not in lock.text


@pytest.mark.parametrize("way", ["token", "login"])
def test_a_channel_that_nodes_log_in_to(way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock names the host, and the path without the token; what the node adds stands in no file of the copy."""
    place = data()
    assert place is not None
    prefix = copy_prefix(made_prefix(environment("cf-libs")), folder / "env")
    login = ("me", TOKEN) if way == "login" else None
    with Channel(place, token="" if login else TOKEN, login=login) as channel:
        move_channel(
            prefix, channel.url.replace("://", f"://me:{TOKEN}@") if login else f"{channel.url}/t/{TOKEN}"
        )
        made = lock(output=folder / "pylock.toml", prefix=prefix, credentials="node")
        name = channel.url.removeprefix("http://").replace(":", "-")
        assert [(it.name, it.url) for it in made.indexes] == [(name, f"{channel.url}/" if login else None)]
        assert {it.index_path for it in made.conda} == {archive(it.name).relative for it in made.conda}
        with pytest.raises(NetworkError, match=f"{made.conda[-1].name}|{name}"):
            materialize(made, root=folder / "root", prefix=folder / "copy")
        own = channel.url.replace("://", f"://me:{TOKEN}@") if login else f"{channel.url}/t/{TOKEN}/"
        monkeypatch.setenv(f"FASTENV_INDEX_{variable(name)}_URL", own)
        materialize(made, root=folder / "root", prefix=folder / "copy")
    assert not (folder / "pylock.fastenv.d").exists()
    assert TOKEN not in made.text
    records = [path.read_text() for path in (folder / "copy/conda-meta").iterdir()]
    assert len(records) > len(made.conda)
    assert TOKEN not in "".join(records)


@pytest.mark.parametrize("store", ["condarc", "anaconda-client", "rattler's token", "rattler's login"])
def test_a_login_that_conda_or_rattler_has(store: str, folder: Path) -> None:
    """The records do not tell it; it is used where the channel refuses us without, and the bytes travel."""
    place = data()
    assert place is not None
    prefix = copy_prefix(made_prefix(environment("cf-libs")), folder / "env")
    login = ("me", TOKEN) if store == "rattler's login" else None
    home = folder / "home"
    with Channel(place, token="" if login else TOKEN, login=login) as channel:
        move_channel(prefix, channel.url)
        assert "its server answers 401" in faults(prefix, folder, channel.url)["conda:zstd"]
        tokens = home / ".continuum/anaconda-client/tokens"
        basic = {"BasicHTTP": {"username": "me", "password": TOKEN}}
        texts = {
            "condarc": (home / ".condarc", f"channels:\n  - {channel.url}/t/{TOKEN}/channels/conda-forge\n"),
            "anaconda-client": (tokens / f"{quote(channel.url, safe='')}.token", TOKEN),
            "rattler's token": (home / ".rattler/credentials.json", _hosts({"CondaToken": TOKEN})),
            "rattler's login": (home / ".rattler/credentials.json", _hosts(basic)),
        }
        file, text = texts[store]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        lock = locked(prefix, folder, channel.url)
    assert all(it.path and (folder / it.path).is_file() for it in lock.conda)
    assert TOKEN not in lock.text


def _hosts(login: Mapping[str, object]) -> str:
    return json.dumps({"*.example": {"CondaToken": "x"}, "127.0.0.1": login})


def test_an_md5_is_enough_once(libraries: Path, folder: Path, channel: Channel) -> None:
    """The archive is downloaded, compared, and its sha256 locked; the next lock only looks whether it is there."""
    curl = archive("libcurl")
    edit_record(libraries, "libcurl", sha256=None, md5=curl.md5)
    for downloads in (1, 0):
        channel.requests.clear()
        lock = locked(libraries, folder, channel.url)
        assert {it.name: it.sha256 for it in lock.conda}["libcurl"] == curl.sha256
        assert {it.name: it.md5 for it in lock.conda}["libcurl"] == curl.md5
        assert sum(request.startswith("GET") for request in channel.requests) == downloads


def test_another_archive_at_the_address(libraries: Path, folder: Path, channel: Channel) -> None:
    edit_record(libraries, "libcurl", sha256=None, md5="0" * 32)
    edit_record(libraries, "zstd", size=3)
    told = faults(libraries, folder, channel.url)
    assert "holds another archive than was installed" in told["conda:libcurl"]
    assert "bytes there, and had 3 when it was installed" in told["conda:zstd"]


def forget(prefix: Path, name: str, **kept: object) -> None:
    """Leave a record as old or local installations write it."""
    edit_record(prefix, name, url=None, channel="<unknown>", sha256=None, md5=None, **kept)


def test_the_package_caches_archive(
    libraries: Path, folder: Path, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders as conda finds them; an archive of another size is none."""
    curl = archive("libcurl")
    forget(libraries, "libcurl", link=None)
    (folder / "pkgs").mkdir()
    (folder / "pkgs" / curl.file_name).write_bytes(b"another")
    monkeypatch.setenv("CONDA_PKGS_DIRS", str(folder / "pkgs"))
    assert "no package cache has its archive" in faults(libraries, folder, channel.url)["conda:libcurl"]
    (folder / "more").mkdir()
    shutil.copy(curl.path, folder / "more")
    (folder / "home/.condarc").write_text(
        f"channels: [x]\npkgs_dirs:\n  # mine\n  - {folder}/more # two\nssl_verify: true\n"
    )
    lock = locked(libraries, folder, channel.url)
    (found,) = (it for it in lock.conda if it.name == "libcurl")
    assert (found.sha256, found.url) == (curl.sha256, None)
    assert (folder / str(found.path)).read_bytes() == curl.path.read_bytes()


def test_what_was_noted_at_the_download(libraries: Path, folder: Path, channel: Channel) -> None:
    curl = archive("libcurl")
    source = folder / "unpacked/libcurl"
    forget(libraries, "libcurl", link={"source": str(source), "type": 1})
    (source / "info").mkdir(parents=True)
    noted: dict[str, object] = {
        "name": "libcurl",
        "version": curl.version,
        "build": curl.build,
        "sha256": curl.sha256,
    }
    noted |= {"url": f"{channel.url}/{curl.relative}", "size": curl.size}
    (source / "info/repodata_record.json").write_text(json.dumps(noted))
    (found,) = (it for it in locked(libraries, folder, channel.url).conda if it.name == "libcurl")
    assert (found.sha256, found.url, found.channel) == (
        curl.sha256,
        noted["url"],
        f"{channel.url}/{curl.channel}",
    )


def test_the_channels_repodata(libraries: Path, folder: Path, channel: Channel) -> None:
    curl = archive("libcurl")
    forget(libraries, "libcurl", link=None)
    edit_record(libraries, "libcurl", channel=f"{channel.url}/{curl.channel}", md5=curl.md5)
    told = faults(libraries, folder, channel.url)["conda:libcurl"]
    assert f"of {channel.url}/{curl.channel} can't be had: the channel has no repodata" in told
    facts = {
        "name": "libcurl",
        "version": curl.version,
        "build": curl.build,
        "build_number": 0,
        "depends": [],
    }
    hashes = {"md5": curl.md5, "sha256": curl.sha256, "size": curl.size, "subdir": curl.subdir}
    channel.list(curl.channel, curl.subdir, {curl.file_name: {**facts, **hashes}})
    (found,) = (it for it in locked(libraries, folder, channel.url).conda if it.name == "libcurl")
    assert (found.sha256, found.url) == (curl.sha256, f"{channel.url}/{curl.relative}")


def test_addresses_that_are_gone(libraries: Path, folder: Path, channel: Channel) -> None:
    """All at once, each with its channel and with what else was tried; a cache helps."""
    names = ("libcurl", "zstd")
    channel.gone.update(archive(name).file_name for name in names)
    told = faults(libraries, folder, channel.url)
    assert sorted(told) == ["conda:libcurl", "conda:zstd"]
    curl = archive("libcurl")
    assert told["conda:libcurl"].startswith(
        f"{curl.file_name} of {channel.url}/{curl.channel} can't be had: "
    )
    assert f"{channel.url}/{curl.relative} is gone: its server answers 404" in told["conda:libcurl"]
    assert "no package cache has its archive" in told["conda:libcurl"]
    cache = folder / "home/.conda/pkgs"
    cache.mkdir(parents=True)
    for name in names:
        shutil.copy(archive(name).path, cache)
    lock = locked(libraries, folder, channel.url)
    assert [it.name for it in lock.conda if it.path] == list(names)


def test_addresses_that_no_node_can_ask(libraries: Path, folder: Path, channel: Channel) -> None:
    edit_record(libraries, "libcurl", url="oci://registry.example/libcurl", channel="oci://registry.example")
    edit_record(libraries, "zstd", fn="../../../zstd.conda", url=None, channel=None)
    told = faults(libraries, folder, channel.url)
    assert "an address of oci: is none that can be asked" in told["conda:libcurl"]
    assert f"{archive('zstd').name}-{archive('zstd').version}" in told["conda:zstd"]
    assert ".." not in told["conda:zstd"]


def test_everything_that_is_wrong_is_told_at_once(libraries: Path, folder: Path, channel: Channel) -> None:
    channel.gone.add(archive("zstd").file_name)
    library = libraries / "lib/libcurl.so.4.8.0"
    library.unlink()
    library.write_bytes(b"edited")
    replace_text(record_of(libraries, "tk"), "{")
    (libraries / "lib/libz.so.1.2.13").unlink()
    told = faults(libraries, folder, channel.url)
    assert sorted(told) == ["conda:libcurl", "conda:libzlib", "conda:tk", "conda:zstd"]
    assert "installed files were edited: lib/libcurl.so.4.8.0 (changed)" in told["conda:libcurl"]
    assert "conda install --force-reinstall libcurl=8.7.1=" in told["conda:libcurl"]
    assert "is no JSON" in told["conda:tk"]
    assert "gone: lib/libz.so.1.2.13" in told["conda:libzlib"]
    assert "its server answers 404" in told["conda:zstd"]


def test_an_environment_that_was_moved_is_not_edited(libraries: Path, folder: Path, channel: Channel) -> None:
    """As conda-pack leaves it: the records' hashes are those of the prefix where it was installed."""
    record = json.loads(record_of(libraries, "libcurl").read_text())
    row = next(row for row in record["paths_data"]["paths"] if row.get("file_mode") == "text")
    file = libraries / row["_path"]
    old = str(made_prefix(environment("cf-libs")))
    replace_text(file, file.read_text().replace(old, str(libraries)))
    assert locked(libraries, folder, channel.url).conda
    replace_text(file, file.read_text() + "edited")
    assert row["_path"] in faults(libraries, folder, channel.url)["conda:libcurl"]


def test_two_packages_and_one_path(libraries: Path, folder: Path, channel: Channel) -> None:
    zlib, curl = (json.loads(record_of(libraries, name).read_text()) for name in ("libzlib", "libcurl"))
    row = next(row for row in curl["paths_data"]["paths"] if row["_path"] == "lib/libcurl.so.4.8.0")
    rows = [*zlib["paths_data"]["paths"], {**row, "sha256": "0" * 64, "sha256_in_prefix": "1" * 64}]
    edit_record(
        libraries,
        "libzlib",
        files=[*zlib["files"], row["_path"]],
        paths_data={"paths": rows, "paths_version": 1},
    )
    (contested,) = locked(libraries, folder, channel.url).contested
    assert (contested.path, contested.winner) == ("prefix/lib/libcurl.so.4.8.0", "conda:libcurl")
    assert contested.claimants == ("conda:libcurl", "conda:libzlib")


def test_an_inventory_from_another_machine(libraries: Path, folder: Path, channel: Channel) -> None:
    inventory = Inventory.from_json(scan(prefix=libraries).to_json())
    here = locked(libraries, folder, channel.url)
    shutil.rmtree(libraries)
    there = lock(inventory, public_indexes=[channel.url])
    assert there.env_id == here.env_id


def test_pip_on_top(folder: Path, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conda's python is the interpreter; what pip brought are wheels, and each path has its owner."""
    prefix = copy_prefix(made_prefix(environment("py36-web"), requested=["flask >=1"]), folder / "env")
    move_channel(prefix, channel.url)
    wheels = folder / "wheels"
    make_wheel(wheels, "six", "99.0", {"six.py": "mine = 1\n"})
    make_wheel(wheels, "flask", "99.0", {"flask/__init__.py": "mine = 1\n"})
    make_wheel(wheels, "extra", "1.0", {"extra.py": ""})
    python = str(prefix / "bin/python")
    command = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--find-links", str(wheels)]
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    for words in (["six==99.0", "extra"], ["--ignore-installed", "flask==99.0"]):
        subprocess.run([*command, *words], check=True, capture_output=True, env=variables)
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    lock = locked(prefix, folder, channel.url)
    assert [(it.name, it.version) for it in lock.packages] == [
        ("extra", "1.0"),
        ("flask", "99.0"),
        ("six", "99.0"),
    ]
    names = {it.name for it in lock.conda}
    assert "six" not in names
    assert {"flask", "python", "click"} <= names
    assert lock.interpreter is not None
    assert (lock.interpreter.source, lock.interpreter.executable) == ("conda", None)
    assert lock.interpreter.version == "3.6.6"
    (contested,) = lock.contested
    assert (contested.path, contested.winner) == ("site/flask/__init__.py", "flask")
    assert [it.requested for it in lock.conda if it.name == "flask"] == [("flask >=1",)]
    assert [it.name for it in lock.ignored if it.name.startswith("conda:")] == ["conda:six"]
    assert [it.noarch for it in lock.conda if it.name == "click"] == ["python"]
