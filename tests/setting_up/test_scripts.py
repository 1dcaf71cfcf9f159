"""bin/check, and what bin/test lets in from outside."""

import os
import subprocess

from tests.setting_up.toolbox import ROOT


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_one_check_can_be_asked_for_and_an_unknown_one_is_refused() -> None:
    asked = run("bin/check", "lint")
    assert (asked.returncode, asked.stdout.startswith("check: lint, ")) == (0, True)
    unknown = run("bin/check", "line")
    assert unknown.returncode == 2
    assert "types" in unknown.stderr


def test_a_check_that_fails_shows_what_it_printed() -> None:
    """Python finds no library of its own, which `manage.py` says in its way."""
    failed = run("bin/check", "settings", PYTHONHOME="/nowhere")
    assert failed.returncode == 1
    first, *printed = failed.stdout.splitlines()
    assert first == "check: settings FAILED"
    assert printed
    assert all(line.startswith("    ") for line in printed)


FOR_TESTS = {
    "VOIPNUMBER_FUZZ_SECONDS": "3600",
    "VOIPNUMBER_CHAOS_ROUNDS": "7",
    "VOIPNUMBER_STILL_SECONDS": "600",
    "VOIPNUMBER_NATIVE": "off",
}


def test_settings_of_the_caller_decide_no_test_but_those_for_tests_are_kept() -> None:
    shown = run(
        "bash",
        "-c",
        ". bin/environment && env",
        VOIPNUMBER_HTTP="nonsense",
        DATABASE_URL="nonsense",
        **FOR_TESTS,
    ).stdout.splitlines()
    assert {f"{name}={value}" for name, value in FOR_TESTS.items()} <= set(shown)
    assert not [line for line in shown if "nonsense" in line]
