"""A real sshd on this machine, for one user with a key of its own; nothing of the user's own settings counts."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

__all__ = ["SshServer"]

_PATIENCE_S = 20.0


class SshServer:
    """Serves the machine's files to whoever has ``environ``; keys and logs lie in ``folder``.

    with SshServer(folder) as server:
        server.url(repository)        # ssh://USER@127.0.0.1:PORT/...
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
        if os.geteuid() != 0 or program is None or shutil.which("ssh") is None:
            pytest.skip("needs root and OpenSSH's server and client")
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.user = getpass.getuser()
        self.port = _free_port()
        for name in ("host", "key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        self._command = [program, "-D", "-e", "-f", str(self._settings())]
        self._process: subprocess.Popen[bytes] | None = None

    def _settings(self) -> Path:
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder / 'host'}",
            f"AuthorizedKeysFile {self.folder / 'authorized'}",
            "AuthenticationMethods publickey",
            "PermitRootLogin prohibit-password",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
        ]
        path = self.folder / "sshd_config"
        path.write_text("\n".join(lines) + "\n")
        return path

    def __enter__(self) -> SshServer:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd wants it, and a boot takes it away
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stderr=log)
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        self.close()
        raise AssertionError((self.folder / "log").read_text())

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; nobody reaches it any more."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def url(self, path: Path) -> str:
        """The address of a folder."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{path}"

    @property
    def environ(self) -> dict[str, str]:
        """Variables with which git comes in."""
        known = self.folder / "known"
        host = (self.folder / "host.pub").read_text().split()
        known.write_text(f"[127.0.0.1]:{self.port} {host[0]} {host[1]}\n")
        ssh = ["ssh", "-F", "none", "-i", str(self.folder / "key"), "-o", "IdentitiesOnly=yes"]
        ssh += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}"]
        return {"GIT_SSH_COMMAND": shlex.join(ssh)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
