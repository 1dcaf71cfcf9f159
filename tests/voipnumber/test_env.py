"""Reading the environment: good values typed, bad ones refused by name."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from voipnumber.env import Environment


def env(value: str) -> Environment:
    return Environment({"X": value})


GOOD = [
    ("mail_addresses", "", {}, ()),
    (
        "mail_addresses",
        "anna@example.com, b+c@host,",
        {},
        ("anna@example.com", "b+c@host"),
    ),
    ("webhook", "", {"plain": False}, ""),
    ("webhook", "https://h.example:8443/x?y=z", {"plain": False}, "https://h.example:8443/x?y=z"),
    ("webhook", "http://127.0.0.1:8070/x", {"plain": True}, "http://127.0.0.1:8070/x"),
    ("networks", "", {}, ()),
    ("networks", "203.0.113.7, 2001:db8::/32,", {}, ("203.0.113.7/32", "2001:db8::/32")),
    ("name_servers", "", {}, ()),
    (
        "name_servers",
        "192.0.2.53, [2001:db8::53]:5353,127.0.0.1:53",
        {},
        (("192.0.2.53", 53), ("2001:db8::53", 5353), ("127.0.0.1", 53)),
    ),
    ("boolean", "Yes", {"default": False}, True),
    ("boolean", "off", {"default": True}, False),
    ("boolean", "", {"default": True}, True),
    ("integer", "42", {"default": 1, "minimum": 1, "maximum": 50}, 42),
    ("integer", "", {"default": 7, "minimum": 1, "maximum": 50}, 7),
    ("seconds", "2.5", {"default": 1, "minimum": 0, "maximum": 5}, 2.5),
    ("ip_address", "203.0.113.7", {}, "203.0.113.7"),
    ("ip_address", "[2001:DB8::1]", {}, "2001:db8::1"),
    ("ip_address", "", {}, ""),
    ("host_port", "localhost:8000", {"default": ""}, ("localhost", 8000)),
    ("host_port", "[::1]:80", {"default": ""}, ("::1", 80)),
    ("loopback", "[::1]:8070", {"default": ""}, ("::1", 8070)),
    (
        "sip_listen",
        "udp:0.0.0.0:5060, TCP:[::]:5061",
        {"default": ""},
        (("udp", "0.0.0.0", 5060), ("tcp", "::", 5061)),
    ),
    (
        "sip_listen",
        "udp:127.0.0.1:0,udp:127.0.0.1:0",
        {"default": ""},
        (("udp", "127.0.0.1", 0),) * 2,
    ),
    (
        "sip_listen",
        "tls:0.0.0.0:5061",
        {"default": ""},
        (("tls", "0.0.0.0", 5061),),
    ),
    ("port_range", "10000-20000", {"default": ""}, (10000, 20000)),
    ("file", "", {}, None),
    ("file", "/etc/ssl/sip.pem", {}, Path("/etc/ssl/sip.pem")),
    ("host_name", "SIP.Example.com.", {}, "sip.example.com"),
    ("optional_host_port", "", {}, None),
    ("optional_host_port", "stun.example.org:3478", {}, ("stun.example.org", 3478)),
    ("address_pairs", "", {}, ()),
    (
        "address_pairs",
        "10.0.0.5=203.0.113.7, [fd00::1]=[2001:DB8::1],",
        {},
        (("10.0.0.5", "203.0.113.7"), ("fd00::1", "2001:db8::1")),
    ),
    ("hosts", "example.org, .example.net,", {}, ("example.org", ".example.net")),
    ("url", "redis://h/0", {"default": "", "schemes": ("redis",)}, "redis://h/0"),
    ("choice", "debug", {"default": "INFO", "choices": ("DEBUG", "INFO")}, "DEBUG"),
]
BAD = [
    ("mail_addresses", "anna", {}, "mail addresses"),
    ("mail_addresses", "Anna <anna@example.com>", {}, "mail addresses"),
    ("name_servers", "dns.example", {}, "IP addresses"),
    ("name_servers", "192.0.2.53:0", {}, "IP addresses"),
    ("name_servers", ",".join(["192.0.2.53"] * 9), {}, "at most 8"),
    ("boolean", "maybe", {"default": False}, "true"),
    ("integer", "0", {"default": 1, "minimum": 1, "maximum": 50}, "from 1 to 50"),
    ("integer", "1e3", {"default": 1, "minimum": 1, "maximum": 5000}, "from 1 to 5000"),
    ("integer", "-1", {"default": 1, "minimum": 1, "maximum": 50}, "from 1 to 50"),
    ("seconds", "nan", {"default": 1, "minimum": 0, "maximum": 5}, "from 0 to 5"),
    ("seconds", "6", {"default": 1, "minimum": 0, "maximum": 5}, "from 0 to 5"),
    ("ip_address", "example.org", {}, "203.0.113.7"),
    ("ip_address", "0.0.0.0", {}, "203.0.113.7"),
    ("host_port", "8000", {"default": ""}, "HOST:PORT"),
    ("loopback", "0.0.0.0:8070", {"default": ""}, "a loopback address"),
    ("loopback", "localhost:8070", {"default": ""}, "a loopback address"),
    ("host_port", "::1:80", {"default": ""}, "brackets"),
    ("host_port", "h:65536", {"default": ""}, "HOST:PORT"),
    ("host_port", "a b:80", {"default": ""}, "HOST:PORT"),
    ("sip_listen", "sctp:0.0.0.0:5061", {"default": ""}, "udp:HOST:PORT"),
    ("sip_listen", "udp:localhost:5060", {"default": ""}, "HOST is an IP address"),
    ("sip_listen", "udp:1.2.3.4:5060,udp:1.2.3.4:5060", {"default": ""}, "each address once"),
    ("sip_listen", "udp:1.2.3.4:5060,", {"default": ""}, "udp:HOST:PORT"),
    ("port_range", "20000-10000", {"default": ""}, "FIRST-LAST"),
    ("port_range", "10000", {"default": ""}, "FIRST-LAST"),
    ("port_range", "80-90", {"default": ""}, "from 1024"),
    ("port_range", "a-b", {"default": ""}, "FIRST-LAST"),
    ("file", "~nobody-of-that-name/sip.pem", {}, "the path of a file"),
    ("host_name", "203.0.113.7", {}, "a host name"),
    ("host_name", "sip:example.com", {}, "a host name"),
    ("optional_host_port", "stun.example.org", {}, "HOST:PORT"),
    ("address_pairs", "203.0.113.7", {}, "LOCAL=PUBLIC"),
    ("address_pairs", "10.0.0.5=2001:db8::1", {}, "of one family"),
    ("address_pairs", "10.0.0.5=0.0.0.0", {}, "LOCAL=PUBLIC"),
    ("address_pairs", "10.0.0.5=203.0.113.7,10.0.0.5=203.0.113.8", {}, "LOCAL=PUBLIC"),
    ("hosts", "https://example.org", {}, "without scheme"),
    ("networks", "phone.example", {}, "at most 100 networks"),
    ("networks", "203.0.113.9/24", {}, "at most 100 networks"),
    ("choice", "loud", {"default": "INFO", "choices": ("DEBUG", "INFO")}, "DEBUG, INFO"),
]


@pytest.mark.parametrize(("kind", "value", "options", "expected"), GOOD)
def test_a_good_value_is_read(kind, value, options, expected):
    assert getattr(env(value), kind)("X", **options) == expected


@pytest.mark.parametrize(("kind", "value", "options", "allowed"), BAD)
def test_a_bad_value_is_refused_by_name_value_and_what_is_allowed(kind, value, options, allowed):
    with pytest.raises(ImproperlyConfigured) as caught:
        getattr(env(value), kind)("X", **options)
    said = str(caught.value)
    assert said.startswith("X=")
    assert value.strip() in said or kind == "hosts"
    assert allowed in said


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader_in_another_way(value):
    said = []
    for kind, _, options, _ in GOOD:
        try:
            getattr(env(value), kind)("X", **options)
        except ImproperlyConfigured as refused:
            said.append(str(refused))
    assert all(text.startswith("X=") for text in said)


def test_a_refused_url_does_not_show_its_password():
    with pytest.raises(ImproperlyConfigured) as caught:
        env("mysql://u:hunter2@h/db").url("X", "", schemes=("postgres",))
    assert "hunter2" not in str(caught.value)
    assert "mysql" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://h.example/hunter2",
        "https://user:hunter2@h.example/",
        "https:///hunter2",
        "https://h.example:99999/hunter2",
        "https://h.example/hunter2#x",
        "https://h.example/hunter2 x",
        "https://[::1/hunter2",
    ],
)
def test_a_webhook_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(ImproperlyConfigured, match=r"^X=.*https://HOST/PATH") as caught:
        env(url).webhook("X", plain=False)
    assert "hunter2" not in str(caught.value)


def test_the_secret_is_made_once_with_mode_0600(tmp_path):
    path = tmp_path / "secret-key"
    first = Environment({}).secret("SECRET_KEY", path)
    assert len(first) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Environment({}).secret("SECRET_KEY", path) == first
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_together_share_one_secret(tmp_path):
    path = tmp_path / "secret-key"
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: Environment({}).secret("K", path), range(32)))
    assert len(found) == 1


def test_a_short_secret_is_refused_and_not_shown(tmp_path):
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment({"K": "hunter2"}).secret("K", tmp_path / "none")
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_a_folder_is_made_and_a_file_in_its_place_refused(tmp_path):
    made = env(str(tmp_path / "a" / "b")).folder("X", tmp_path)
    assert made.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match="X="):
        env(str(tmp_path / "file" / "c")).folder("X", tmp_path)
