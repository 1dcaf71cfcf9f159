"""What every call to an agent needs, made once before call processes are forked and confined."""

from agents.formats import AudioFormat, Encoding
from audiocodecs.g711 import between, compressed, linear
from callengine.worker.agent.ringback import Ringback
from callengine.worker.agent.stream import tls_context

_LAWS = ("PCMU", "PCMA")


def preload() -> None:
    """Read the authorities' certificates, and make the tables of G.711: a tenth of a second."""
    tls_context()
    for law in _LAWS:
        compressed(law, linear(law, b"\0"))
    between(*_LAWS)
    between(*reversed(_LAWS))
    for encoding in Encoding:
        Ringback(AudioFormat(encoding))
