"""A peer's dialog taken over by another call: its new call process is given it by a re-INVITE.

Two calls of one party are joined so (RFC 3891, RFC 5589 section 7): the new process's first INVITE
goes out inside the dialog that the old one has, and by its 2xx the dialog is the new leg's. The
peer sees its session changed, and nothing else; should it refuse, all is as it was.
"""

import re

from callengine.edge.legs.table import AnchoredLeg, Dialog, LegState, LegTable, PeerRequest
from callengine.edge.messages.received import Received

_ORIGIN = re.compile(rb"^o=(\S+ \S+) (\d+) ", re.MULTILINE)
"User name and session, then the version (RFC 8866 section 5.2)."
_RTCP = re.compile(rb"^a=rtcp:\d+ IN IP4 ([0-9.]+)", re.MULTILINE)
_NOWHERE = b"c=IN IP4 0.0.0.0"
NO_DIALOG, PENDING = 481, 491


class TakeoverError(Exception):
    """A dialog that cannot be taken over now; `code` says why in SIP."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code}")
        self.code = code


def begin(legs: LegTable, leg: AnchoredLeg, request: PeerRequest) -> tuple[AnchoredLeg, Dialog]:
    """Number a new leg's first INVITE within the dialog it takes over; return whose, and which.

    Raises TakeoverError.
    """
    old = legs.by_token.get(leg.anchor.takes_over)
    named = old.talking() if old is not None and old.state is LegState.OPEN else None
    if old is None or named is None:
        raise TakeoverError(NO_DIALOG)
    tag, dialog = named
    if _is_changing(old):  # RFC 3261 section 14.1
        raise TakeoverError(PENDING)
    message = request.message
    legs.name_call_id(leg, old.call_id)
    leg.local_tag, leg.own_tag, leg.own_call_id = old.local_tag, message.from_tag, message.call_id
    request.cseq = dialog.next_own_cseq()
    request.parties = (dialog.local, dialog.remote)
    leg.taking = tag
    leg.profiles.take_over(old.profiles)
    leg.origin = _origin(old.described, message.body)
    return old, dialog


def continued(leg: AnchoredLeg, body: bytes) -> bytes:
    """Return a description for the peer: of the same origin as before (RFC 3264 section 8).

    Of a peer that holds the call by the address 0.0.0.0 pjmedia answers with that, too; where its
    RTCP is wanted it says all the same. A peer would take it for a hold of ours.
    """
    rtcp = _RTCP.search(body) if _NOWHERE in body else None
    if rtcp is not None:
        body = body.replace(_NOWHERE, b"c=IN IP4 " + rtcp[1])
    if body and leg.origin is not None:
        names, ahead = leg.origin
        body = _ORIGIN.sub(lambda o: b"o=%s %d " % (names, int(o[2]) + ahead), body, count=1)
    leg.described = body or leg.described
    return body


def _origin(before: bytes, now: bytes) -> tuple[bytes, int] | None:
    old, new = _ORIGIN.search(before), _ORIGIN.search(now)
    return (old[1], int(old[2]) + 1 - int(new[2])) if old and new else None


def learn(legs: LegTable, leg: AnchoredLeg, request: PeerRequest, message: Received) -> bool:
    """Take the dialog over by a 2xx to the INVITE that asked for it; False: it is over by now."""
    if leg.dialog(leg.taking) is not None:
        return True
    old = legs.by_token.get(leg.anchor.takes_over)
    before = old.dialog(leg.taking) if old is not None else None
    if before is None or before.ended or before.left:
        return False
    inner = request.message.cseq
    leg.add_dialog(
        leg.taking,
        Dialog(
            local=before.local,
            remote=before.remote,
            flow=message.flow,
            target=before.target,
            routes=before.routes,
            is_direct=before.is_direct,
            last_cseq=request.cseq,
            ahead=request.cseq - inner,
            invites={inner: request.cseq},
        ),
    )
    before.moved = before.ended = True
    return True


def _is_changing(leg: AnchoredLeg) -> bool:
    ours = (one for one in leg.requests.values() if one.method in ("INVITE", "UPDATE"))
    theirs = (one.request.method for one in leg.transactions)
    return any(one.code < 200 and not one.orphaned for one in ours) or any(
        method in ("INVITE", "UPDATE") for method in theirs
    )
