"""Session keys of logins: `python -m bench.signing_in N` in the environment of a site."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from bench.switches import ROOT


def session_keys(count: int, environment: Mapping[str, str]) -> list[str]:
    """Return the keys of so many new logins of one administrator."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.signing_in", str(count)],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    keys: list[str] = json.loads(done.stdout.splitlines()[-1])
    return keys


def _main(count: int) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")
    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username="watcher", is_superuser=True, is_staff=True)
    keys = []
    for _ in range(count):
        client = Client()
        client.force_login(user)
        keys.append(client.cookies["sessionid"].value)
    print(json.dumps(keys))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
