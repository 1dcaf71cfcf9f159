"""A process that is forked with everything loaded has what one has that starts by itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.peers.clerk import Clerk
from tests.peers.nursery import ROOT

SHOW = """
import logging
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import run_checks
from django.db import connections
from django.template import engines

print(connections["default"].settings_dict["NAME"], staticfiles_storage.location)
print(engines["django"].dirs, engines["django"].engine.debug, logging.getLogger().level)
print(run_checks())
for name in sorted(filter(str.isupper, dir(settings))):
    print(name, repr(getattr(settings, name)))
"""


def test_it_has_the_settings_of_its_own_environment(tmp_path: Path) -> None:
    shown = []
    for name in ("first", "second"):
        environment = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": f"{name} of those who differ",
            "VOIPNUMBER_DATA": str(tmp_path / name),
            "VOIPNUMBER_HTTP": f"127.0.0.1:{8000 + len(name)}",
            "VOIPNUMBER_LOG_LEVEL": "ERROR" if name == "first" else "DEBUG",
            "VOIPNUMBER_SIGN_IN_FAILURES": str(len(name)),
        }
        clerk = Clerk(ROOT, environment)
        try:
            done = clerk.run("shell", "-v", "0", "-c", SHOW)
        finally:
            clerk.stop()
        assert done.status == 0, done.stderr
        assert _words(done.stdout) == _words(_by_itself(environment))
        shown.append(done.stdout)
    assert shown[0] != shown[1]


def _by_itself(environment: dict[str, str]) -> str:
    command = (sys.executable, "manage.py", "shell", "-v", "0", "-c", SHOW)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def _words(text: str) -> list[str]:
    return re.sub(r" at 0x\w+", "", text).splitlines()
