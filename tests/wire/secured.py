"""What engines and phones of the wire tests need to speak SIP over TLS."""

import tempfile
from pathlib import Path
from typing import Any

from tests.peers.certificates import Authority
from tests.peers.ports import IPV6_LOOPBACK, LOOPBACK

_FOLDER = tempfile.TemporaryDirectory(prefix="voipnumber-tls-")
AUTHORITY = Authority(Path(_FOLDER.name))
STRANGERS = Authority(Path(_FOLDER.name), "Strangers")
"An authority that engines do not believe."
OURS = AUTHORITY.issue("sip.example", dns=["sip.example"], addresses=[LOOPBACK, IPV6_LOOPBACK])
GATEWAY = AUTHORITY.issue("gateway", addresses=[LOOPBACK])
ENVIRONMENT = {
    "VOIPNUMBER_SIP_TLS_CERTIFICATE": str(OURS.certificate),
    "VOIPNUMBER_SIP_TLS_KEY": str(OURS.key),
    "VOIPNUMBER_SIP_TLS_AUTHORITIES": str(AUTHORITY.certificate),
}


def phone(transport: str = "tls") -> dict[str, Any]:
    """Return what a phone is opened with that speaks a transport."""
    if transport != "tls":
        return {"transport": transport}
    return {"transport": transport, "tls": AUTHORITY.client(), "tls_server": GATEWAY.server()}
