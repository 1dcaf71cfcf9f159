"""System checks: each rule that spans settings, broken and kept."""

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from tests.peers.certificates import Authority
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
        checks.check_sip_certificate,
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


@pytest.mark.parametrize(
    ("ends_in_days", "name", "mode", "expected"),
    [
        (90, "sip.example", 0o600, set()),
        (90, "sip.example", 0o640, set()),
        (90, "sip.example", 0o644, {"W008"}),
        (3, "sip.example", 0o600, {"W007"}),
        (-3, "sip.example", 0o600, {"W007"}),
        (90, "other.example", 0o600, {"W009"}),
    ],
)
def test_a_certificate_that_peers_will_not_like_is_warned_of(
    monkeypatch, tmp_path, ends_in_days, name, mode, expected
):
    authority, ends_in = Authority(tmp_path), timedelta(days=ends_in_days)
    issued = authority.issue(name, dns=[name], ends_in=ends_in)
    issued.key.chmod(mode)
    changes = {
        "VOIPNUMBER_SIP_TLS_CERTIFICATE": issued.certificate,
        "VOIPNUMBER_SIP_TLS_KEY": issued.key,
        "VOIPNUMBER_SIP_TLS_AUTHORITIES": authority.certificate,
        "VOIPNUMBER_SIP_TLS_NAME": "sip.example",
    }
    assert found(monkeypatch, **changes) - {"I001"} == expected
    changes["VOIPNUMBER_SIP_TLS_KEY"] = authority.issue("another", file="another").key
    assert found(monkeypatch, **changes) - {"I001"} == {"E008"}
    changes["VOIPNUMBER_SIP_TLS_CERTIFICATE"] = tmp_path / "nowhere.pem"
    assert found(monkeypatch, **changes) - {"I001"} == {"E008"}


CASES = [
    ("E007", {"VOIPNUMBER_SIP_LISTEN": (Listen("tls", "0.0.0.0", 5061),)}),
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
