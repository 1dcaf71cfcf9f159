"""OPTIONS to registered phones behind NAT, so that the way to them stays open."""

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from callengine.edge.flow import Flow
from callengine.edge.messages.message import Headers, Message, render
from callengine.edge.messages.uris import sip_uri
from callengine.edge.transactions.identity import EdgeIdentity

MAX_KEPT = 50_000
MAX_AT_ONCE = 200
"Sent in one go; what is due beyond that waits for the next second."
_CALL_IDS = itertools.count(1)


@dataclass(slots=True)
class _Phone:
    sip_user: str
    until: float
    due_at: float


class KeepAlive:
    """Asks each phone that was heard over UDP every `interval_s`; 0: never.

    A router forgets a mapping after some 30 s in which nothing passes (RFC 4787 section 4.3 asks
    for 2 min, few heed it). Nobody waits for the answers: whether a phone is there, its calls
    show. Connections are kept open by their own means (RFC 5626 section 4.4.1).
    """

    def __init__(
        self, send: Callable[[Flow, bytes], None], identity: EdgeIdentity, *, interval_s: float
    ) -> None:
        self._send = send
        self._identity = identity
        self._interval_s = interval_s
        self._phones: OrderedDict[Flow, _Phone] = OrderedDict()
        "The one that is due first comes first."

    def note(self, flow: Flow, sip_user: str, *, for_s: float) -> None:
        """Keep the way to a phone open that has been heard just now; 0: no longer."""
        self._phones.pop(flow, None)
        if not self._interval_s or flow.is_reliable or for_s <= 0:
            return
        if len(self._phones) >= MAX_KEPT:
            self._phones.popitem(last=False)
        now = time.monotonic()
        self._phones[flow] = _Phone(sip_user, now + for_s, now + self._interval_s)

    def tick(self, now: float) -> None:
        """Ask those who are due; `now` is monotonic seconds."""
        for _ in range(MAX_AT_ONCE):
            flow, phone = next(iter(self._phones.items()), (None, None))
            if flow is None or phone is None or phone.due_at > now:
                return
            del self._phones[flow]
            if phone.until > now:
                phone.due_at = now + self._interval_s
                self._phones[flow] = phone
                self._send(flow, render(self._request(flow, phone.sip_user)))

    def _request(self, flow: Flow, sip_user: str) -> Message:
        identity = self._identity
        branch = identity.new_branch()
        uri = sip_uri(sip_user, flow.host, flow.port)
        headers: Headers = [
            ("via", identity.via(flow, branch)),
            ("max-forwards", "70"),
            ("from", f"<{identity.contact(flow, 'keepalive')}>;tag={identity.tag(branch)}"),
            ("to", f"<{uri}>"),
            ("call-id", identity.sign("keepalive", str(next(_CALL_IDS)))),
            ("cseq", "1 OPTIONS"),
            ("user-agent", identity.user_agent),
        ]
        return Message.request("OPTIONS", uri, headers)
