"""A C test, built from its own file and some of the extension's, under ASan and UBSan."""

import subprocess
from pathlib import Path

from callengine.worker.native.build import HERE, compiler

FLAGS = ("-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-omit-frame-pointer")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def run(test: str, *sources: str, folder: Path) -> None:
    """Build `test` (beside this file) with `sources` (of the extension), run it to status 0."""
    program = folder / "program"
    files = [str(Path(__file__).parent / test), *(str(HERE / name) for name in sources)]
    command = [*compiler(), *FLAGS, *SANITIZERS, f"-I{HERE}", *files, "-o", str(program)]
    for step in ([*command, "-pthread", "-lm", "-ldl"], [str(program)]):
        done = subprocess.run(step, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
