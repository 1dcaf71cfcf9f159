"""Whether it is loaded, and what is said where it is not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from callengine.worker.native import build, loading
from callengine.worker.native.builds import NotBuiltError
from tests.peers.engine import WITH_EXTENSION

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[4]


def load(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from callengine.worker.native import loading\n{code}"],
        cwd=ROOT,
        env={**os.environ, **WITH_EXTENSION, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_it_is_loaded_before_pjsua2_and_fits(extension: Any) -> None:
    assert extension.vn_layout().version == loading.ABI_VERSION
    fits = "from callengine.worker.native.media import media; print(media() is not None)"
    assert load(f"print(repr(loading.load()), loading.file()); {fits}").splitlines() == [
        f"'' {build.library()}",
        "True",
    ]


def test_why_it_is_not_loaded_is_said(extension: Any) -> None:
    assert load("print(loading.load())", VOIPNUMBER_NATIVE="off") == "VOIPNUMBER_NATIVE is off"
    assert load("import pjsua2; print(loading.load())") == "pjsua2 was loaded before it"
    elsewhere = "from pathlib import Path; loading.library = lambda: Path('/nowhere/media.so')"
    said = load(f"{elsewhere}\nprint(loading.load(), loading.file())")
    assert said == "it is not built; run bin/setup, which says what it lacks"


def test_one_of_another_version_does_nothing_in_pjsua2(extension: Any) -> None:
    plain = """
loading.ABI_VERSION = 1
print(loading.load())
import pjsua2, time
endpoint = pjsua2.Endpoint()
endpoint.libCreate()
config = pjsua2.EpConfig()
config.logConfig.level = 0
endpoint.libInit(config)
endpoint.libStart()
time.sleep(0.2)  # its thread polls
print("polled", flush=True)
"""
    version = extension.vn_layout().version
    said = load(plain.strip()).splitlines()
    assert said[0] == f"it is of version {version}, and 1 is wanted"
    assert "polled" in said


def test_what_the_compiler_says_is_told(monkeypatch: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.c"
    bad.write_text("int broken(void) { return missing; }\n")
    monkeypatch.setattr(build, "sources", lambda: [bad])
    with pytest.raises(NotBuiltError, match="missing"):
        build.compile_into(tmp_path / "out.so", *build.FLAGS)
