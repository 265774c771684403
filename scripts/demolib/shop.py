"""The shop: a repository with a history, and the manifest that says where it runs."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from stacklib.folder import StackFolder
from stacklib.ports import spare_ports

ROOT = Path(__file__).resolve().parent.parent.parent
HISTORY = ROOT / "examples/shop/history"
VERSIONS = ("v1", "v2", "v3", "v4")
REGIONS = ("eu", "us", "asia")
SERVICE = "demo-shop"
HEALTHY_WITHIN_S = 5


def git(repository: Path, *words: object) -> str:
    """Git without whatever this machine or its user has configured."""
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
                   "HOME": str(repository), "GIT_COMMITTER_NAME": "shop", "GIT_COMMITTER_EMAIL": "shop@shop.example"}
    command = ["git", "-C", str(repository), *(str(word) for word in words)]
    return subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE).stdout


def make_repository(folder: Path) -> Path:
    """The repository with a tag for each version; the same patches give the same commits."""
    repository = folder / "shop"
    if (repository / ".whole").exists():
        return repository
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    git(repository, "-c", "init.defaultBranch=v1-line", "init", "--quiet")
    for version in VERSIONS:
        if version != "v1":
            git(repository, "checkout", "--quiet", "-b", f"{version}-line", "v1")
        patches = sorted((HISTORY / version).glob("*.patch"))
        git(repository, "am", "--quiet", "--committer-date-is-author-date", *patches)
        git(repository, "tag", version)
    (repository / ".git/info/exclude").write_text(".whole\n")
    (repository / ".whole").touch()
    return repository


def subject(repository: Path, sha: str) -> str:
    return git(repository, "log", "-1", "--format=%s", sha).strip()


class Ground:
    """Where the shop runs: for each telling of the story environments of its own, since an agent does not roll back one service
    again and again."""

    def __init__(self, stack: Path) -> None:
        self.folder = stack / "demo"
        self._file = self.folder / "ground.json"

    def is_there(self) -> bool:
        return self._file.exists()

    def environments(self) -> dict[str, int]:
        """Environments with the port at which requests are taken, in the order of the story."""
        return json.loads(self._file.read_text())["environments"]

    def tellings(self) -> int:
        return json.loads(self._file.read_text())["tellings"] if self.is_there() else 0

    def make(self, anew: bool = False) -> None:
        """Makes what is not there; `anew` makes environments for one more telling."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_repository(self.folder)
        if self.is_there() and not anew:
            return
        number = self.tellings() + 1
        names = [region if number == 1 else f"{region}-{number}" for region in REGIONS]
        environments = dict(zip(names, spare_ports(StackFolder(self.folder.parent), len(names))))
        (self.folder / "services.toml").write_text("".join(manifest(name, port) for name, port in environments.items()))
        half = self._file.with_suffix(".half")
        half.write_text(json.dumps({"tellings": number, "environments": environments}))
        half.replace(self._file)


def manifest(environment: str, port: int) -> str:
    return f"""\
[[service]]
name = "{SERVICE}"
environment = "{environment}"
repository = "shop"
listen = "127.0.0.1:{port}"
start = ["python3", "-B", "-m", "shop"]
health = "/healthz"
healthy_within_seconds = {HEALTHY_WITHIN_S}

"""
