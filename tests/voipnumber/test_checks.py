"""System checks: each rule that spans settings, broken and kept."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from voipnumber.env import HostPort, Listen, PortRange

POSTGRES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
PUBLIC = HostPort("0.0.0.0", 8000)


def found(monkeypatch, ephemeral="32768 60999", **changes) -> set[str]:
    monkeypatch.setattr("voipnumber.checks.EPHEMERAL_PORTS", FakeFile(ephemeral))
    from voipnumber import checks

    rules = [
        checks.check_rtp_ports,
        checks.check_listeners,
        checks.check_public_address,
        checks.check_wildcard,
        checks.check_shape,
        checks.check_web_exposure,
    ]
    with override_settings(**changes):
        return {message.id.removeprefix("voipnumber.") for rule in rules for message in rule(None)}


class FakeFile:
    def __init__(self, text: str) -> None:
        self.text = text

    def read_text(self) -> str:
        return self.text

    def __str__(self) -> str:
        return "the kernel's setting"


def test_the_defaults_give_only_a_piece_of_information(monkeypatch):
    assert found(monkeypatch) == {"I001"}


def test_the_checks_are_registered():
    with override_settings(VOIPNUMBER_RTP_PORTS=PortRange(10001, 20000)):
        assert "voipnumber.E001" in {message.id for message in run_checks()}


CASES = [
    ("E001", {"VOIPNUMBER_RTP_PORTS": PortRange(10001, 20000)}),
    ("E002", {"VOIPNUMBER_RTP_PORTS": PortRange(10000, 11598)}),
    ("E003", {"VOIPNUMBER_RTP_PORTS": PortRange(5000, 15000)}),
    ("E003", {"VOIPNUMBER_HTTP": HostPort("127.0.0.1", 12000)}),
    ("E004", {"VOIPNUMBER_HTTP": HostPort("127.0.0.1", 5060)}),
    (
        "E005",
        {
            "VOIPNUMBER_PUBLIC_ADDRESS": "2001:db8::1",
            "VOIPNUMBER_SIP_LISTEN": (Listen("udp", "192.0.2.1", 5060),),
        },
    ),
    ("E006", {"VOIPNUMBER_HTTP": PUBLIC, "DEBUG": True}),
    ("W001", {"VOIPNUMBER_RTP_PORTS": PortRange(30000, 40000)}),
    ("W002", {"DATABASES": POSTGRES, "REDIS_URL": ""}),
    ("W003", {"REDIS_URL": "redis://localhost"}),
    ("W004", {"VOIPNUMBER_HTTP": PUBLIC}),
    ("W005", {"VOIPNUMBER_HTTP": PUBLIC, "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"]}),
]


@pytest.mark.parametrize(("rule", "changes"), CASES)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_broken_rule_is_reported(monkeypatch, rule, changes):
    assert rule in found(monkeypatch, **changes)


KEPT = [
    ("E002", {"VOIPNUMBER_RTP_PORTS": PortRange(10000, 11599)}),
    (
        "E004",
        {
            "VOIPNUMBER_HTTP": HostPort("127.0.0.1", 5060),
            "VOIPNUMBER_SIP_LISTEN": (Listen("tcp", "192.0.2.1", 5060),),
        },
    ),
    ("E005", {"VOIPNUMBER_PUBLIC_ADDRESS": "203.0.113.7"}),
    ("I001", {"VOIPNUMBER_PUBLIC_ADDRESS": "203.0.113.7"}),
    ("W002", {"DATABASES": POSTGRES, "REDIS_URL": "redis://localhost"}),
    ("W004", {"VOIPNUMBER_HTTP": PUBLIC, "VOIPNUMBER_TLS_PROXY": True}),
]


@pytest.mark.parametrize(("rule", "changes"), KEPT)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_kept_rule_is_not(monkeypatch, rule, changes):
    assert rule not in found(monkeypatch, **changes)
