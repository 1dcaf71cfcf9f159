"""What pjmedia must be told when it compares payload types of OPUS, AMR and AMR-WB.

pjmedia compares names and clock rates. RFC 4867 section 8.3.1 wants octet-align compared too; and
any maxplaybackrate a peer writes would become the rate of an OPUS stream.
"""

import re
from collections.abc import Callable
from typing import Any

from callengine.worker.native.libraries import FAILED, SUCCESS, ffi, pjmedia, text
from callengine.worker.plugins.callbacks import callback
from callengine.worker.plugins.fmtp import OPUS_RATES_HZ, amr_formats_match

_MAX_FORMATS = 32
_PLAYBACK_RATE = re.compile(r"maxplaybackrate\s*=\s*(\d{1,9})", re.IGNORECASE)
_kept: dict[str, tuple[Any, Any, Any]] = {}


def register(encoding_name: str) -> bool:
    """Have pjmedia ask us about payload types of this name, if need be; False if it will not.

    Once in a process: pjmedia keeps this over the life of its endpoints.
    """
    if encoding_name in _kept or encoding_name not in _MATCHERS:
        return True
    name = ffi.new("char[]", encoding_name.encode())
    wanted = ffi.new("pj_str_t *", {"ptr": name, "slen": len(encoding_name)})
    matcher = callback(
        "pjmedia_sdp_neg_fmt_match_cb", _MATCHERS[encoding_name], name=f"sdp-match.{encoding_name}"
    )
    _kept[encoding_name] = (name, wanted, matcher)
    status: int = pjmedia().pjmedia_sdp_neg_register_fmt_match_cb(wanted, matcher)
    return status == SUCCESS


def _match_amr(
    _pool: Any, offer: Any, offer_index: int, answer: Any, answer_index: int, _option: int
) -> int:
    ours, theirs = (
        text(fmtp.value).partition(" ")[2] if fmtp else ""
        for fmtp in (_fmtp(offer, offer_index), _fmtp(answer, answer_index))
    )
    return SUCCESS if amr_formats_match(ours, theirs) else FAILED


def _match_opus(
    _pool: Any, offer: Any, offer_index: int, answer: Any, answer_index: int, _option: int
) -> int:
    for fmtp in (_fmtp(offer, offer_index), _fmtp(answer, answer_index)):
        if fmtp:
            _ignore_odd_rate(fmtp.value)
    return SUCCESS


def _ignore_odd_rate(value: Any) -> None:
    # maxplaybackrate is a hint (RFC 7587 section 6.1) and may be any number; only some are rates
    # Opus works at. pjmedia ignores parameters it does not know, so the name loses a letter.
    for rate in _PLAYBACK_RATE.finditer(text(value)):
        if int(rate[1]) not in OPUS_RATES_HZ:
            value.ptr[rate.start()] = b"x"


def _fmtp(media: Any, index: int) -> Any:
    if index >= min(media.fmt_count, _MAX_FORMATS):
        return None
    attribute = pjmedia().pjmedia_sdp_media_find_attr2(media, b"fmtp", media.fmt + index)
    return attribute or None


_MATCHERS: dict[str, Callable[..., int]] = {
    "AMR": _match_amr,
    "AMR-WB": _match_amr,
    "opus": _match_opus,
}
