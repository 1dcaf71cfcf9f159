"""Settings in a real process: what a person sees who starts it with an environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json, django
from django.conf import settings as s
from django.db import connection
django.setup()
row = {}
if connection.vendor == "sqlite":
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        row["journal"] = cursor.fetchone()[0]
print(json.dumps({**row, "hosts": s.ALLOWED_HOSTS, "origins": s.CSRF_TRUSTED_ORIGINS,
    "database": s.DATABASES["default"]["ENGINE"], "name": s.DATABASES["default"]["NAME"],
    "options": s.DATABASES["default"]["OPTIONS"], "layer": s.CHANNEL_LAYERS["default"]}))
"""


def run(
    data: Path, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if "VOIPNUMBER" not in key}
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        kept.pop(name, None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "voipnumber.settings",
            "VOIPNUMBER_DATA": str(data),
            **environment,
        },
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(data: Path, **environment: str) -> dict:
    return json.loads(run(data, "-c", SHOW, **environment).stdout)


def test_without_any_variable_everything_is_embedded(tmp_path):
    values = shown(tmp_path / "da ta%20")
    assert values["name"] == str(tmp_path / "da ta%20" / "voipnumber.sqlite3")
    assert values["journal"] == "wal"
    assert values["options"]["transaction_mode"] == "IMMEDIATE"
    assert values["layer"]["BACKEND"] == "channels.layers.InMemoryChannelLayer"
    assert {"127.0.0.1", "localhost"} <= set(values["hosts"])


def test_the_production_shape_by_two_variables(tmp_path):
    values = shown(
        tmp_path,
        DATABASE_URL="postgres://u:p@db.example.org/v",
        REDIS_URL="redis://r",
        VOIPNUMBER_ALLOWED_HOSTS="pbx.example.org,.example.net",
    )
    assert values["database"] == "django.db.backends.postgresql"
    assert values["layer"]["BACKEND"] == "channels_redis.core.RedisChannelLayer"
    assert "pbx.example.org" in values["hosts"]
    assert values["origins"] == ["https://pbx.example.org", "https://*.example.net"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOIPNUMBER_SIP_LISTEN", "udp:5060"),
        ("VOIPNUMBER_RTP_PORTS", "many"),
        ("VOIPNUMBER_MAX_CALLS", "0"),
        ("VOIPNUMBER_HTTP_BODY_BYTES", "300000000"),
        ("VOIPNUMBER_HTTP_REQUEST_S", "0"),
        ("VOIPNUMBER_HTTP_CONNECTIONS", "many"),
        ("VOIPNUMBER_WEBSOCKETS_PER_SESSION", "0"),
        ("VOIPNUMBER_SIGN_IN_FAILURES", "1"),
        ("VOIPNUMBER_DEBUG", "perhaps"),
        ("VOIPNUMBER_REALM", 'a"b'),
        ("REDIS_URL", "http://r"),
    ],
)
def test_a_bad_variable_stops_the_start_and_is_named(tmp_path, name, value):
    result = run(tmp_path, "manage.py", "check", **{name: value})
    assert result.returncode != 0
    assert name in result.stderr
    assert "allowed:" in result.stderr


@pytest.mark.parametrize("command", [("calls",), ("provision", "-")])
def test_a_database_without_tables_is_said_with_what_to_do(tmp_path, command):
    result = run(tmp_path, "manage.py", *command, stdin="connections: [{sip_user: a}]\n")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert f"{tmp_path}/voipnumber.sqlite3 lacks tables of this version" in result.stderr
    assert "manage.py migrate" in result.stderr
