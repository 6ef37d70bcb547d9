"""The env id a second time, in Python, from docs/env-id.md alone: what the core must agree with."""

from __future__ import annotations

import hashlib

from fastenv.lock import toml


def env_id_text(text: str) -> str:
    """The canonical text of the environment that a lock describes."""
    document = toml.loads(text)
    tool = document["tool"]["fastenv"]
    platform, interpreter = tool["platform"], tool.get("interpreter")
    wheels = {p["name"]: p["wheels"][0]["hashes"]["sha256"] for p in document["packages"]}
    conda = {f"conda:{p['name']}": p["sha256"] for p in tool.get("conda", [])}
    digests = {**wheels, **conda}
    lines = ["fastenv-env 1", f"platform {platform['os']} {platform['arch']} glibc"]
    if interpreter is not None:
        facts = (interpreter[key] for key in ("implementation", "version", "soabi"))
        lines += [f"interpreter {' '.join(facts)}", f"build {interpreter['build']}"]
    lines += [f"artifact conda {digest}" for digest in sorted(conda.values())]
    lines += [f"artifact wheel {digest}" for digest in sorted(wheels.values())]
    contested = sorted(tool.get("contested", []), key=lambda row: row["path"].encode())
    lines += [f"winner {row['path']} {digests[row['winner']]}" for row in contested]
    lines += [f"overlay {row['place']} {row['sha256']}" for row in tool.get("overlays", [])]
    lines += ["link-scripts"] if tool.get("link-scripts") else []
    lines += [
        f"variable {name} {_sha256(value)}" for name, value in sorted(tool.get("variables", {}).items())
    ]
    meta = tool.get("conda-meta", {})
    lines += [f"pinned {spec}" for spec in meta.get("pinned", [])]
    lines += [f"frozen {_sha256(meta['frozen'])}"] if "frozen" in meta else []
    return "".join(f"{line}\n" for line in lines)


def env_id(text: str) -> str:
    return _sha256(env_id_text(text))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
