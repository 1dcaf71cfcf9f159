"""Certificates: what is wrong with a file of ours, whom one names, and whether it fits (RFC 5922).

Files are read; nothing is sent. Sentences are for people.
"""

import ipaddress
import ssl
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

SOON = timedelta(days=14)
"How long before its end a certificate is warned of."
_PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
_DER = serialization.Encoding.DER


class CertificateError(RuntimeError):
    """A certificate or key of ours cannot be used; its text is a sentence saying why."""


def check_files(certificate: Path, key: Path | None) -> x509.Certificate:
    """Return our certificate if its file and its key's can be used together.

    Raises:
        CertificateError: they cannot.
    """
    chain = read_chain(certificate)
    key_file = key or certificate
    try:
        private = load_pem_private_key(_bytes_of(key_file), password=None)
    except TypeError as error:
        raise CertificateError(f"The key in {key_file} is encrypted; store it without.") from error
    except ValueError as error:
        raise CertificateError(f"{key_file} holds no private key in PEM form.") from error
    ours = private.public_key().public_bytes(_DER, _PUBLIC)
    if chain[0].public_key().public_bytes(_DER, _PUBLIC) != ours:
        raise CertificateError(
            f"The key in {key_file} does not belong to the first certificate in {certificate}."
        )
    return chain[0]


def read_chain(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, at least one.

    Raises:
        CertificateError: there are none to read.
    """
    try:
        return x509.load_pem_x509_certificates(_bytes_of(path))
    except ValueError as error:
        raise CertificateError(f"{path} holds no certificate in PEM form.") from error


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}.") from error


def is_open_to_all(path: Path) -> bool:
    """Tell whether every user of this machine may read a file."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def time_problem(certificate: x509.Certificate, now: datetime) -> str:
    """Return "expired 3 days ago", "not valid before ..." or nothing."""
    if now > (end := certificate.not_valid_after_utc):
        return f"expired {_long(now - end)} ago ({end:%Y-%m-%d})"
    if now < (begin := certificate.not_valid_before_utc):
        return f"is not valid before {begin:%Y-%m-%d %H:%M} UTC"
    return ""


def ends_soon(certificate: x509.Certificate, now: datetime) -> str:
    """Return "expires in 3 days", or nothing while that is far away."""
    left = certificate.not_valid_after_utc - now
    return f"expires in {_long(left)}" if timedelta() < left < SOON else ""


def described(path: Path, now: datetime) -> str:
    """Return what a person wants to know of a certificate of ours, or what is wrong with it."""
    try:
        ours = read_chain(path)[0]
    except CertificateError as error:
        return str(error)
    when = time_problem(ours, now) or f"valid until {ours.not_valid_after_utc:%Y-%m-%d}"
    return f"for {', '.join(names_in(ours)[:3]) or 'nobody'}, {when}"


def _long(time: timedelta) -> str:
    if time >= timedelta(days=1):
        return f"{time.days} day{'s' * (time.days != 1)}"
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min"


def names_of(peer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whom a certificate is for, in the shape of `getpeercert()` (RFC 5922 section 7.1).

    The domains of SIP URIs in subjectAltName; without any, its DNS names and IP addresses;
    without any of these, the subject's common name. In small letters.
    """
    alternatives = [(kind, str(value)) for kind, value in peer.get("subjectAltName", ())]
    uris = [value for kind, value in alternatives if kind == "URI"]
    domains = [uri[4:] for uri in uris if uri.lower().startswith("sip:") and "@" not in uri]
    names = domains or [value for kind, value in alternatives if kind in ("DNS", "IP Address")]
    if not names and not alternatives:
        subject = (pair for part in peer.get("subject", ()) for pair in part)
        names = [str(value) for kind, value in subject if kind == "commonName"]
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names if name))


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the same of a certificate in a file."""
    alternatives: list[tuple[str, str]] = []
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        pass
    else:
        uris = held.get_values_for_type(x509.UniformResourceIdentifier)
        alternatives += [("URI", uri) for uri in uris]
        alternatives += [("DNS", name) for name in held.get_values_for_type(x509.DNSName)]
        addresses = held.get_values_for_type(x509.IPAddress)
        alternatives += [("IP Address", str(address)) for address in addresses]
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    subject = ((("commonName", str(name.value)),) for name in common)
    return names_of({"subjectAltName": alternatives, "subject": tuple(subject)})


def fits(names: tuple[str, ...], wanted: str) -> bool:
    """Tell whether a certificate with these names is for a host.

    RFC 5922 section 7.2 forbids `*.example.com`; carriers have it all the same, so that it stands
    for one label, as everywhere else (RFC 6125 section 6.4.3).
    """
    wanted = wanted.strip("[]").lower().rstrip(".")
    address = _address(wanted)
    if address is not None:
        return any(_address(name) == address for name in names)
    first, _, rest = wanted.partition(".")
    return wanted in names or (bool(first and "." in rest) and f"*.{rest}" in names)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def why_not_believed(der: bytes, error: ssl.SSLCertVerificationError, name: str) -> str:
    """Return why a peer's certificate is not believed, as the rest of a sentence."""
    now, certificate = datetime.now(UTC), x509.load_der_x509_certificate(der)
    if problem := time_problem(certificate, now):
        return f"the certificate of {name} {problem}"
    if certificate.issuer == certificate.subject:
        return f"the certificate of {name} is signed by itself and not among those trusted here"
    issuer = certificate.issuer.rfc4514_string()[:80]
    if error.verify_code in UNTRUSTED:
        return f"the certificate of {name} is issued by {issuer}, which is not trusted here"
    return f"the certificate of {name}, issued by {issuer}, is not valid: {error.verify_message}"


UNTRUSTED = (2, 18, 19, 20, 21)
"X509_V_ERR_*: an issuer cannot be found, or what is signed by itself is not trusted."
