"""What is wrong with a certificate of ours, and whom a peer's is for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callengine.edge.transport import certificates
from callengine.edge.transport.certificates import CertificateError, fits, names_of
from tests.peers.certificates import Authority

NAMES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"subjectAltName": (("DNS", "A.example"), ("DNS", "b.example."))}, ("a.example", "b.example")),
    # RFC 5922 section 7.1: a SIP URI says more than a DNS name.
    ({"subjectAltName": (("DNS", "host.example"), ("URI", "sip:example"))}, ("example",)),
    ({"subjectAltName": (("DNS", "a.example"), ("URI", "sip:bob@b.example"))}, ("a.example",)),
    ({"subjectAltName": (("DNS", "a.example"), ("URI", "https://b.example"))}, ("a.example",)),
    ({"subject": ((("commonName", "old.example"),),)}, ("old.example",)),
    (
        {"subject": ((("commonName", "x"),),), "subjectAltName": (("IP Address", "192.0.2.1"),)},
        ("192.0.2.1",),
    ),
    ({"subject": ((("commonName", "x"),),), "subjectAltName": (("email", "a@b"),)}, ()),
    ({}, ()),
]
FITS = [
    (("sip.example",), "sip.example", True),
    (("sip.example",), "SIP.example.", True),
    (("sip.example",), "a.sip.example", False),
    (("*.sip.example",), "a.sip.example", True),
    (("*.sip.example",), "a.b.sip.example", False),
    (("*.sip.example",), "sip.example", False),
    (("*.example",), "sip.example", False),
    (("*",), "example", False),
    (("192.0.2.1",), "192.0.2.1", True),
    (("2001:db8::1",), "[2001:DB8:0::1]", True),
    (("*.0.2.1",), "192.0.2.1", False),
    ((), "sip.example", False),
]


@pytest.mark.parametrize(("peer", "names"), NAMES)
def test_a_certificate_names_sip_domains_before_anything_else(
    peer: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert names_of(peer) == names


@pytest.mark.parametrize(("names", "wanted", "is_for_it"), FITS)
def test_a_certificate_fits_the_name_that_was_meant(
    names: tuple[str, ...], wanted: str, is_for_it: bool
) -> None:
    assert fits(names, wanted) is is_for_it


def test_a_certificate_with_its_key_is_read_from_one_file_or_two(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("sip.example", dns=["sip.example"])
    ours = certificates.check_files(issued.certificate, issued.key)
    assert certificates.names_in(ours) == ("sip.example",)
    both = tmp_path / "both.pem"
    both.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
    assert certificates.check_files(both, None) == ours


def test_files_that_cannot_be_used_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one.example"), authority.issue("other.example")
    empty, missing = tmp_path / "empty.pem", tmp_path / "missing.pem"
    empty.write_text("nothing of the kind")
    for certificate, key, why in (
        (missing, None, "missing.pem cannot be read: No such file"),
        (empty, None, "empty.pem holds no certificate"),
        (one.certificate, None, "one.example.crt holds no private key"),
        (one.certificate, missing, "missing.pem cannot be read"),
        (one.certificate, other.key, "does not belong to the first certificate"),
    ):
        with pytest.raises(CertificateError, match=why):
            certificates.check_files(certificate, key)


def test_a_certificate_is_described_for_people(tmp_path: Path) -> None:
    authority, now = Authority(tmp_path), datetime.now(UTC)
    good = authority.issue("sip.example", dns=["sip.example", "voip.example"])
    ends = f"{now + timedelta(days=30):%Y-%m-%d}"
    words = certificates.described(good.certificate, now)
    assert words == f"for sip.example, voip.example, valid until {ends}"
    old = authority.issue("old.example", ends_in=timedelta(days=-3, minutes=-1))
    assert certificates.described(old.certificate, now).startswith(
        "for old.example, expired 3 days"
    )
    assert "cannot be read" in certificates.described(tmp_path / "nowhere.pem", now)


def test_a_certificate_tells_when_it_ended_or_is_about_to(tmp_path: Path) -> None:
    authority, now = Authority(tmp_path), datetime.now(UTC)
    for ends_in, problem, soon in (
        (timedelta(days=-3, minutes=-5), "expired 3 days ago", ""),
        (timedelta(hours=-2, minutes=-1), "expired 2 h 1 min ago", ""),
        (timedelta(days=2, minutes=5), "", "expires in 2 days"),
        (timedelta(days=90), "", ""),
    ):
        issued = authority.issue("sip.example", ends_in=ends_in)
        ours = certificates.check_files(issued.certificate, issued.key)
        assert certificates.time_problem(ours, now).startswith(problem)
        assert bool(certificates.time_problem(ours, now)) is bool(problem)
        assert certificates.ends_soon(ours, now) == soon
        before = ours.not_valid_before_utc - timedelta(days=1)
        assert certificates.time_problem(ours, before).startswith("is not valid before")
