"""Runs of pytest that a test starts: modules of its own, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GIVE_UP_S = 120


def run(folder: Path, *arguments: str, **modules: str) -> "subprocess.CompletedProcess[str]":
    """Run modules, text by name, as nobody's run within ours; files are kept in `folder/base`."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return subprocess.run(
        [
            # Who runs the tests in the background has them, and all they start, ignore Ctrl-C.
            *("env", "--default-signal=INT"),
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django"),
            *(f"--basetemp={folder / 'base'}", *arguments, str(folder)),
        ],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DJANGO_"))}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
        start_new_session=True,
    )
