"""What the transport layer (RFC 3261 section 18) tells and asks those above it."""

from collections.abc import Callable
from dataclasses import dataclass

from callengine.core.reasons import Rule
from callengine.edge.flow import Flow
from callengine.edge.transport.icmp import OnUndelivered

MayRead = Callable[[bytes, Flow], float]
"Take data and flow; return 0 if the message may be read, else the seconds until it may."
OnWaited = Callable[[float, tuple[str, int]], None]
"""Take for how many seconds a datagram had waited to be read, how late we are, and the address of
the socket in which."""


@dataclass(frozen=True, slots=True)
class Upcalls:
    """Called inline, a message at a time; none of them may raise."""

    on_message: Callable[[bytes, Flow], None]
    "Take a whole message and its flow."
    on_broken: Callable[[bytes, Flow, bool], None]
    "Take what there is of a message that cannot be framed, its flow, and whether it is too large."
    on_unreachable: Callable[[Flow, str], None]
    "Take a flow whose connection could not be opened, and why, as the rest of a sentence."
    on_lost: Callable[[Flow, bool], None] = lambda *_: None
    "Take the flow of a connection of ours that was closed, and whether anything ever came by it."
    may_read: MayRead = lambda _, __: 0.0
    on_undelivered: OnUndelivered = lambda *_: None
    "Take the beginning of a datagram that ICMP says was not delivered; it may be forged."
    on_waited: OnWaited = lambda *_: None
    is_known: Callable[[Flow], bool] = lambda _: True
    "Tell whether a call or a registration hangs on a connection's flow."
    on_cut: Callable[[Flow, Rule, str], None] = lambda *_: None
    "Take flow and rule of a connection that was refused or closed for it, and advice of its own."
