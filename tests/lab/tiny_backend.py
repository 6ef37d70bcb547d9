"""A build backend (PEP 517, PEP 660) for projects of tests: it needs nothing, so it is built offline.

``backend.json`` beside it says what there is: name, version, root of the importable tree, entry points, tag. A
version of ``null`` is "dynamic": taken from the variable by which setuptools-scm is told one, else made up. The
file ``fails`` makes it fail, ``log`` is where it notes each build.
"""

import base64
import hashlib
import json
import os
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FACTS = json.loads((HERE / "backend.json").read_text())


def version() -> str:
    name = FACTS["name"].upper().replace("-", "_")
    told = os.environ.get(f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{name}")
    return FACTS["version"] or told or "0.0.1.dev1+gmadeup"


def build_wheel(directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    if FACTS.get("log"):
        with pathlib.Path(FACTS["log"]).open("a") as log:
            log.write(f"{FACTS['name']}\n")
    if (HERE / "fails").exists():
        sys.exit(f"the compiler says: {(HERE / 'fails').read_text()}")
    root = HERE / FACTS["root"]
    own = {"backend.json", "tiny_backend.py", "pyproject.toml"}
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in own and ".git" not in path.parts and path.suffix != ".pyc"
    }
    left = HERE / "build" / "lib"  # what setuptools does with what an earlier build left
    files |= {str(path.relative_to(left)): path.read_bytes() for path in left.rglob("*.py")}
    return write(directory, {name: body for name, body in files.items() if not name.startswith("build/")})


def build_editable(directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    path = f"{HERE / FACTS['root']}\n"
    return write(directory, {f"__editable__.{FACTS['name']}.pth": path.encode()})


def write(directory: str, files: "dict[str, bytes]") -> str:
    stem = f"{FACTS['name'].replace('-', '_')}-{version()}"
    info = f"{stem}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {FACTS['name']}\nVersion: {version()}\n"
    tag = FACTS["tag"]
    files[f"{info}/METADATA"] = head.encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    )
    if FACTS["entry_points"]:
        files[f"{info}/entry_points.txt"] = FACTS["entry_points"].encode()
    rows = [f"{name},sha256={packed(body)},{len(body)}\n" for name, body in files.items()]
    files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(pathlib.Path(directory, f"{stem}-{tag}.whl"), "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return f"{stem}-{tag}.whl"


def packed(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
