"""What the stack needs of the machine: tools from Debian packages and an unprivileged user for Postgres."""
from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys

from .talk import StackError, say

POSTGRES_USER = "brainops-postgres"
PACKAGE_OF = {"mvn": "maven", "java": "default-jre-headless", "useradd": "passwd"}
_apt_updated = False


def is_root() -> bool:
    return os.geteuid() == 0


def need_tool(tool: str) -> str:
    """The path of a system tool; installs its Debian package when root, else names it."""
    found = _which(tool)
    if not found and _install(PACKAGE_OF[tool]):
        found = _which(tool)
    if not found:
        raise StackError(f"{tool} is missing; on Debian: apt-get install {PACKAGE_OF[tool]}")
    return found


def need_pip() -> list[str]:
    """The command that runs pip under this very Python."""
    command = [sys.executable, "-m", "pip"]
    if _has_pip(command) or (_install("python3-pip") and _has_pip(command)):
        return command
    raise StackError(f"pip is missing for {sys.executable}; on Debian: apt-get install python3-pip")


def postgres_account() -> pwd.struct_passwd | None:
    """The system user that Postgres runs as when we are root (made if missing); None when we are not root."""
    if not is_root():
        return None
    try:
        return pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        say("postgres", f"making the system user {POSTGRES_USER} (Postgres refuses to run as root)")
    made = subprocess.run(
        [need_tool("useradd"), "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", POSTGRES_USER],
        capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(POSTGRES_USER)  # also when another `up` made it a moment earlier
    except KeyError:
        raise StackError(f"cannot make the system user {POSTGRES_USER}: {made.stderr.strip()}") from None


def _which(tool: str) -> str | None:
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")


def _has_pip(command: list[str]) -> bool:
    return subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0


def _install(package: str) -> bool:
    """Installs a Debian package when we may; the talk of apt-get is shown only if it fails."""
    global _apt_updated
    if not is_root() or not shutil.which("apt-get"):
        return False
    say("system", f"installing the Debian package {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = [["apt-get", "install", "-y", "--no-install-recommends", package]]
    if not _apt_updated:
        commands.insert(0, ["apt-get", "update"])
        _apt_updated = True
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            say("system", f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
            return False
    return True
