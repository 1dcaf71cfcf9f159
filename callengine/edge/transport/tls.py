"""TLS for SIP: our certificate, renewed while we run, and why a handshake failed."""

import asyncio
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

from callengine.core.reasons import Rule
from callengine.edge.flow import Flow, host_port
from callengine.edge.settings import TlsSettings
from callengine.edge.transport import certificates
from callengine.edge.transport.certificates import CertificateError

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"How often the files are looked at for a change."
_WARN_EVERY_S = 86_400.0
_DIAGNOSIS_S = 2.0
Signature = tuple[tuple[int, int, int], ...]


class Tls:
    """What our handshakes go by; a new certificate holds for those that begin from then on."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._server: ssl.SSLContext | None = None
        self._client: ssl.SSLContext | None = None
        self._signature: Signature = ()
        self._looked_at = 0.0
        self._warned_at: float | None = None

    def load(self) -> None:
        """Read every file anew; what cannot be used leaves all as it was.

        Raises:
            CertificateError: a file cannot be used; its text says why.
        """
        self._signature = self._sign()
        settings = self._settings
        server = None
        if settings.certificate is not None:
            certificates.check_files(settings.certificate, settings.key)
            server = self._new_server(settings.certificate)
        # Of files of ours it is to be known now whether they can be used. The system's authorities
        # are 150 certificates: they are read when we first connect to somebody.
        is_ours = settings.certificate is not None or settings.authorities is not None
        self._client = self._new_client() if is_ours else None
        self._server = server

    def _new_server(self, certificate: Path) -> ssl.SSLContext:
        context = _restricted(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        _present(context, certificate, self._settings.key)
        if self._settings.clients != "off":
            self._trust(context, ssl.Purpose.CLIENT_AUTH)
            is_required = self._settings.clients == "required"
            context.verify_mode = ssl.CERT_REQUIRED if is_required else ssl.CERT_OPTIONAL
        return context

    def _new_client(self) -> ssl.SSLContext:
        context = _restricted(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        # By us, once the handshake is through: OpenSSL knows no SIP URIs (RFC 5922 section 7.1).
        context.check_hostname = False
        self._trust(context, ssl.Purpose.SERVER_AUTH)
        if self._settings.certificate is not None:
            _present(context, self._settings.certificate, self._settings.key)
        return context

    def _trust(self, context: ssl.SSLContext, purpose: ssl.Purpose) -> None:
        if (authorities := self._settings.authorities) is None:
            context.load_default_certs(purpose)
            return
        certificates.read_chain(authorities)
        try:
            context.load_verify_locations(authorities)
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"{authorities} cannot be used: {error}.") from error

    @property
    def server(self) -> ssl.SSLContext:
        """Return what who connects to us is met with."""
        assert self._server is not None, "nobody listens without a certificate"
        return self._server

    @property
    def client(self) -> ssl.SSLContext:
        """Return what we connect with."""
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def keep_current(self, now: float) -> None:
        """Take over files that have changed; warn once a day of an end that is near."""
        if now - self._looked_at < LOOK_EVERY_S or self._settings.certificate is None:
            return
        self._looked_at = now
        if self._sign() != self._signature:
            self.reload()
        if self._warned_at is None or now - self._warned_at > _WARN_EVERY_S:
            self._warned_at = now
            self._warn()

    def reload(self) -> None:
        """Take over the files as they are; those that cannot be used leave all as it was."""
        if self._settings.certificate is None:
            return
        try:
            self.load()
        except CertificateError as error:
            logger.warning("the certificate for SIP over TLS stays as it was: %s", error)
        else:
            self._warned_at = None
            logger.info("the certificate for SIP over TLS was read anew")

    def _warn(self) -> None:
        assert self._settings.certificate is not None
        try:
            ours, now = certificates.read_chain(self._settings.certificate)[0], datetime.now(UTC)
        except CertificateError:
            return  # which was said when it could not be loaded
        if problem := certificates.time_problem(ours, now) or certificates.ends_soon(ours, now):
            logger.warning(
                "the certificate for SIP over TLS %s: put a new one in its place", problem
            )

    def _sign(self) -> Signature:
        files = (self._settings.certificate, self._settings.key, self._settings.authorities)
        signature = []
        for path in filter(None, files):
            try:
                status = path.stat()
            except OSError:
                signature.append((0, 0, 0))
            else:
                signature.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(signature)


def _restricted(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{certificate} cannot be used: {error}.") from error


_FAILURES = {
    "HTTP_REQUEST": Rule.NOT_TLS,
    "HTTPS_PROXY_REQUEST": Rule.NOT_TLS,
    "WRONG_VERSION_NUMBER": Rule.NOT_TLS,
    "UNSUPPORTED_PROTOCOL": Rule.TLS_TOO_OLD,
    "VERSION_TOO_LOW": Rule.TLS_TOO_OLD,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Rule.CLIENT_CERTIFICATE_MISSING,
    "CERTIFICATE_VERIFY_FAILED": Rule.CLIENT_CERTIFICATE_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": Rule.CERTIFICATE_NOT_TRUSTED,
    "TLSV1_ALERT_DECRYPT_ERROR": Rule.CERTIFICATE_NOT_TRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": Rule.CERTIFICATE_NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Rule.CERTIFICATE_NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Rule.CERTIFICATE_NOT_TRUSTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Rule.CERTIFICATE_NOT_TRUSTED,
}
"OpenSSL's names of what may go wrong at our end when somebody connects."

_ADVICE = {
    Rule.NOT_TLS: (
        "What came to the TLS port is not TLS. Have the device use TLS there, or the port for "
        "UDP or TCP."
    ),
    Rule.TLS_TOO_OLD: (
        "The device offered TLS 1.1 or older alone; 1.2 is the least here. Update its firmware, "
        "or allow TLS 1.2 in its settings."
    ),
    Rule.CLIENT_CERTIFICATE_MISSING: (
        "The device showed no certificate, and VOIPNUMBER_SIP_TLS_CLIENTS=required asks for one. "
        "Give it one, or ask for none."
    ),
    Rule.CERTIFICATE_NOT_TRUSTED: (
        "The device does not trust our certificate: it says {why}. Give the device the authority "
        "that issued it, and have it call the name that the certificate is for."
    ),
    Rule.CLIENT_CERTIFICATE_REFUSED: (
        "The certificate that the device showed is not believed: {why}. Give it another, or add "
        "who issued it to VOIPNUMBER_SIP_TLS_AUTHORITIES."
    ),
}
TOO_SLOW = (
    "A connection to the TLS port was not through its handshake in time, so it was closed. Look "
    "at the network, or stop whoever holds connections open."
)
_OTHERWISE = (
    "The TLS handshake failed: {why}. Compare the TLS versions, ciphers and certificates of the "
    "device with what is allowed here (TLS 1.2 and later)."
)


def refused(error: OSError) -> tuple[Rule, str] | None:
    """Return why who connected to us did not get through, and what to do; None: they just left."""
    if not isinstance(error, ssl.SSLError):
        is_late = isinstance(error, ConnectionAbortedError)
        return (Rule.TLS_TOO_SLOW, TOO_SLOW) if is_late else None
    rule = _FAILURES.get(error.reason or "", Rule.TLS_FAILED)
    why = _words(error.reason)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
    return rule, _ADVICE.get(rule, _OTHERWISE).format(why=why)


def _words(reason: str | None) -> str:
    """`TLSV1_ALERT_UNKNOWN_CA` as people read it: `unknown ca`."""
    words = (reason or "it was broken off").lower().replace("_", " ")
    for prefix in ("sslv3 alert ", "tlsv1 alert ", "tlsv13 alert "):
        words = words.removeprefix(prefix)
    return words


def objection(peer: ssl.SSLObject, name: str) -> str:
    """Return why a certificate is not for whom we wanted to reach; empty: it is."""
    names = certificates.names_of(peer.getpeercert() or {})
    if certificates.fits(names, name):
        return ""
    return f"the certificate of {name} is for {', '.join(names[:3]) or 'nobody'}"


async def not_reached(error: OSError, flow: Flow) -> str:
    """Return why nothing can be sent to a flow over TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        certificate = await _shown(flow)
        if certificate:
            return certificates.why_not_believed(certificate, error, flow.name or flow.host)
        return f"the certificate of {flow.name or flow.host}: {error.verify_message}"
    where = host_port(flow.host, flow.port)
    if isinstance(error, ssl.SSLError):
        if _FAILURES.get(error.reason or "") is Rule.NOT_TLS:
            return f"what answers at {where} does not speak TLS"
        return f"the TLS handshake with {where} failed: {_words(error.reason)}"
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return f"the TLS handshake with {where} took too long"
    return ""


async def _shown(flow: Flow) -> bytes:
    """Ask once more for a certificate that was not believed, to say what is wrong with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_DIAGNOSIS_S):
            _, writer = await asyncio.open_connection(
                flow.host, flow.port, ssl=context, server_hostname=flow.name or None
            )
    except OSError:
        return b""
    try:
        peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return peer.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()
