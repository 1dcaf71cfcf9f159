"""Telling the two AMR-WB framings apart when pjmedia compares payload types.

pjmedia compares names and clock rates; RFC 4867 section 8.3.1 wants octet-align compared too.
"""

from typing import Any

from callengine.worker.plugins.fmtp import amr_wb_formats_match
from callengine.worker.plugins.native import FAILED, SUCCESS, errors, ffi, pjmedia, text

_MAX_FORMATS = 32
_kept: list[Any] = []


def register() -> bool:
    """Have pjmedia ask us whether two AMR-WB payload types are the same; False if it will not."""
    if not _kept:
        name = ffi.new("char[]", b"AMR-WB")
        wanted = ffi.new("pj_str_t *", {"ptr": name, "slen": 6})
        callback = ffi.callback(
            "pjmedia_sdp_neg_fmt_match_cb", _match, error=FAILED, onerror=_count
        )
        _kept.extend((name, wanted, callback))
    status: int = pjmedia().pjmedia_sdp_neg_register_fmt_match_cb(_kept[1], _kept[2])
    return status == SUCCESS


def _match(
    _pool: Any, offer: Any, offer_index: int, answer: Any, answer_index: int, _option: int
) -> int:
    same = amr_wb_formats_match(_fmtp(offer, offer_index), _fmtp(answer, answer_index))
    return SUCCESS if same else FAILED


def _fmtp(media: Any, index: int) -> str:
    if index >= min(media.fmt_count, _MAX_FORMATS):
        return ""
    payload_type = media.fmt + index
    found = pjmedia().pjmedia_sdp_media_find_attr2(media, b"fmtp", payload_type)
    if not found:
        return ""
    return text(found.value).partition(" ")[2]


def _count(*_: object) -> None:
    errors["AMR-WB.sdp-match"] += 1
