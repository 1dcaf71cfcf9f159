"""Session descriptions as pjsua2 has them, whole: it shows what fits in 1024 bytes, or nothing."""

from typing import Any

from callengine.worker.native import libraries
from callengine.worker.native.libraries import WrongBuildError, ffi

_ROOM = 16_000
"More than pjmedia's own limit of what it sends (PJSIP_MAX_PKT_LEN)."


def whole(session: Any) -> str:
    """Return the text of a pjsua2.SdpSession that is one.

    Never ask for one that may be none, as of a peer that has not described anything: pjsua2 leaves
    its address as it was in memory.
    """
    address = session.pjSdpSession
    if session.wholeSdp or not address:
        return str(session.wholeSdp)
    try:
        api = libraries.pjmedia()
    except WrongBuildError:
        return ""
    room = ffi.new("char[]", _ROOM)
    size = api.pjmedia_sdp_print(ffi.cast("void *", int(address)), room, _ROOM)
    return bytes(ffi.buffer(room, size)).decode("utf-8", "replace") if size > 0 else ""
