"""A caller and a callee that say odd things: bare sockets with just enough of a user agent."""

import asyncio
import contextlib
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Self

from callengine.edge.messages.message import MalformedError
from callengine.edge.messages.received import Received, receive
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer, reply_as

Address = tuple[str, int]
GOOD = "good"
BUSY = "5550199"
"The end of a number where nobody takes a call."
_SERIAL = itertools.count(1)


@dataclass
class Actor:
    """One end: answers politely what it is asked, and keeps what it heard by branch."""

    peer: UdpPeer
    server: Address
    body: str = SDP
    "What it describes."
    answers: dict[str, list[Received]] = field(default_factory=lambda: defaultdict(list))
    invites: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)
    expects: str | None = None
    "The user who is to call, empty for any odd one; other calls, made by noise, are busy."
    rung: set[str] = field(default_factory=set)
    "Branches of INVITEs that came, whose repetitions are no calls."
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    ended: set[str] = field(default_factory=set)
    "Call-IDs of dialogs that a BYE or CANCEL ended."
    gone: set[str] = field(default_factory=set)
    "Of those it has left with a BYE whose answer goes elsewhere: nobody need tell it the end."
    acknowledged: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    _listening: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, server: Address) -> Self:
        actor = cls(await UdpPeer.open(host, port), server)
        actor._listening = asyncio.create_task(actor._listen())
        return actor

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        await self.peer.close()

    @property
    def contact(self) -> str:
        host, port = self.peer.address
        return f"<sip:odd@{host}:{port}>"

    def send(self, data: bytes | str) -> None:
        self.peer.send(data, self.server)

    async def final(self, branch: str, timeout_s: float) -> Received | None:
        """Wait for the final answer to the request with this branch."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (found := self._final(branch)):
                    self.heard.clear()
                    await self.heard.wait()
                return found
        return None

    def _final(self, branch: str) -> Received | None:
        return next((m for m in self.answers.get(branch, ()) if m.code >= 200), None)

    async def until(self, known: set[str], call_id: str, timeout_s: float) -> bool:
        """Wait until a Call-ID is in a set of ours."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while call_id not in known:
                    self.heard.clear()
                    await self.heard.wait()
                return True
        return False

    async def _listen(self) -> None:
        while True:
            data = await self.peer.heard.get()
            try:
                message = receive(data)
            except MalformedError as error:
                self.faults.append(f"what came is not SIP: {error}: {data!r}")
                continue
            if message.code:
                if message.cseq_method == "BYE" and 200 <= message.code < 300:
                    self.ended.add(message.call_id)
                self.answers[message.via.branch].append(message)
            else:
                self._asked(message)
            self.heard.set()

    def _asked(self, request: Received) -> None:
        if request.method == "ACK":
            self.acknowledged.add(request.call_id)
        elif request.method == "INVITE" and not request.to_tag:
            self._rung(request)
        elif request.method == "CANCEL":
            self.ended.add(request.call_id)
            self.send(reply_as(request, 200, "OK", tag="bt"))
        else:
            if request.method == "BYE":
                self.ended.add(request.call_id)
            body = self.body if request.method in ("INVITE", "UPDATE") and request.body else ""
            self.send(reply_as(request, 200, "OK", f"Contact: {self.contact}", tag="", body=body))

    def _rung(self, invite: Received) -> None:
        if invite.via.branch in self.rung:
            return
        self.rung.add(invite.via.branch)
        if BUSY in invite.uri:
            self.send(reply_as(invite, 486, "Busy Here", tag="bt"))
            return
        user = invite.get("from").partition("sip:")[2].partition("@")[0]
        odd_one = self.expects == "" and not user.startswith(GOOD)
        if odd_one or user == self.expects:
            self.expects = None
            self.invites.put_nowait(invite)
        else:
            self.send(reply_as(invite, 486, "Busy Here", tag="bt"))

    async def rings(self, timeout_s: float, user: str = "") -> Received | None:
        """Wait for one call, of this user or of any odd one."""
        self.expects = user
        try:
            async with asyncio.timeout(timeout_s):
                return await self.invites.get()
        except TimeoutError:
            return None
        finally:
            self.expects = None


@dataclass
class Dialog:
    """One dialog as an actor writes its requests."""

    actor: Actor
    call_id: str
    local: str
    "From, with our tag."
    remote: str
    target: str
    cseq: int = 1

    def request(self, method: str, *extra: str, body: str = "") -> tuple[str, str, str]:
        """Return a request's text, its branch, and its Via's value."""
        if method != "ACK":
            self.cseq += 1
        host, port = self.actor.peer.address
        branch = f"z9hG4bKfz{next(_SERIAL)}"
        via = f"SIP/2.0/UDP {host}:{port};branch={branch}"
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
            f"Contact: {self.actor.contact}",
            *extra,
        ]
        lines += ["Content-Type: application/sdp"] if body else []
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines) + "\r\n\r\n" + body, branch, via


def new_dialog(actor: Actor, target: str, user: str = "odd") -> Dialog:
    """Return a caller's dialog before its INVITE."""
    phone = Phone(*actor.peer.address)
    local = f"<sip:{user}@h>;tag={phone.tag}"
    return Dialog(actor, phone.call_id, local, f"<{target}>", target, 0)


def good_user() -> str:
    """Return a user nobody else calls as."""
    return f"{GOOD}{next(_SERIAL)}"


def asked_dialog(actor: Actor, invite: Received) -> Dialog:
    """Return a callee's side of the dialog an INVITE makes."""
    target = invite.get("contact").strip("<>")
    local = f"{invite.get('to')};tag=bt"
    return Dialog(actor, invite.call_id, local, invite.get("from"), target, 100)
