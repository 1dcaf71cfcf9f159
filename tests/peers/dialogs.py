"""Calls of a scripted phone: what it said, what it was told, and the sound in between."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import sipmessage
from sipua.utils import create_response, create_via, random_string

from tests.peers import descriptions, srtp
from tests.peers.sipua_layers import with_rport
from tests.peers.sound import Sound

if TYPE_CHECKING:
    from tests.peers.phone import Phone

SDP_TYPE = sipmessage.MediaType(mime_type="application/sdp")
ANSWER_TIMEOUT_S = 30.0


class Call(Sound):
    """One dialog; `final` holds the answer to the INVITE, `ended` is set by a BYE or CANCEL."""

    def __init__(self, phone: "Phone", call_id: str, local: sipmessage.Address) -> None:
        self.phone = phone
        self.call_id = call_id
        self.local = local
        self.remote = local
        self.target = local.uri
        self.route: list[sipmessage.Address] = []
        self.cseq = 0
        self.local_sdp = ""
        self.remote_sdp = ""
        self.ended = asyncio.Event()
        self.acknowledged = asyncio.Event()
        self.ack_sdp: str | None = None
        "The body of the ACK we were sent."
        self.bye: sipmessage.Request | None = None
        "The BYE we were sent."
        self.reoffers: asyncio.Queue[str] = asyncio.Queue()
        "SDP of each re-INVITE or UPDATE we were sent."
        self.answer_reoffer: Callable[[str], str | int] = self._mirror

    # Requests of ours

    def request(self, method: str) -> sipmessage.Request:
        """Return a request within the dialog, with the next CSeq."""
        self.cseq += 1
        request = sipmessage.Request(method, self.target)
        request.via = [with_rport(create_via())]
        request.max_forwards = 70
        request.from_address, request.to_address = self.local, self.remote
        request.call_id = self.call_id
        request.cseq = sipmessage.CSeq(sequence=self.cseq, method=method)
        request.contact = [self.phone.contact]
        request.route = self.route
        request.user_agent = self.phone.user_agent
        return request

    async def send(self, request: sipmessage.Request) -> sipmessage.Response:
        """Send a request other than INVITE, with credentials if asked for them."""
        return await self.phone.send(request)

    async def hang_up(self) -> sipmessage.Response:
        response = await self.send(self.request("BYE"))
        self.ended.set()
        return response

    async def reinvite(
        self, sdp: str | None, *, answer: Callable[[str], str] | None = None
    ) -> sipmessage.Response:
        """Send a re-INVITE, acknowledge the answer and return it.

        Without SDP, `answer` makes the one of the ACK out of the offer.
        """
        request = self.request("INVITE")
        sdp = self._keyed_offer(sdp)
        _put(request, sdp)
        response = await self.phone.transactions.invite(request, lambda _: None)
        if 200 <= response.code < 300:
            self._learn(response)
            body = self._keyed_answer(answer(self.remote_sdp)) if answer and sdp is None else None
            self.local_sdp = body or sdp or self.local_sdp
            self.agree()
            await self._acknowledge(request, body)
            self.described_anew(body or self.remote_sdp)
        return response

    async def update(self, sdp: str) -> sipmessage.Response:
        """Send an UPDATE with SDP (RFC 3311)."""
        request = self.request("UPDATE")
        sdp = self._keyed_offer(sdp) or ""
        _put(request, sdp)
        response = await self.send(request)
        if response.code == 200:
            self.local_sdp, self.remote_sdp = sdp, response.body.decode()
            self.agree()
            self.described_anew(self.remote_sdp)
        return response

    # SRTP, if the phone has it; a description that holds a key already is the test's own

    def _keyed_offer(self, sdp: str | None) -> str | None:
        """Return an offer of ours with a key."""
        bare = sdp and self.phone.srtp and "a=crypto" not in sdp
        return srtp.offered(sdp, self.phone.srtp) if sdp and bare else sdp

    def _keyed_answer(self, sdp: str, offer: str = "") -> str:
        """Return an answer of ours with a key, where the offer has one."""
        bare = self.phone.srtp and "a=crypto" not in sdp
        return srtp.answered(sdp, offer or self.remote_sdp) if bare else sdp

    def agree(self) -> None:
        """Encrypt, from now on, as both descriptions say."""
        if self.phone.srtp:
            rtp = self.phone.rtp
            rtp.cipher = srtp.agreed(self.local_sdp, self.remote_sdp, rtp.cipher)

    async def _acknowledge(self, invite: sipmessage.Request, sdp: str | None) -> None:
        ack = sipmessage.Request("ACK", self.target)
        ack.via = [with_rport(create_via())]
        ack.max_forwards = 70
        ack.from_address, ack.to_address = self.local, self.remote
        ack.call_id = self.call_id
        ack.cseq = sipmessage.CSeq(sequence=invite.cseq.sequence, method="ACK")
        ack.route = self.route
        _put(ack, sdp)
        await self.phone.transactions.send_ack(ack)

    def _learn(self, response: sipmessage.Response) -> None:
        self.remote = response.to_address
        if response.contact:
            self.target = response.contact[0].uri
        self.route = list(reversed(response.record_route))
        if response.body:
            self.remote_sdp = response.body.decode()

    # Requests of the peer's

    async def receive(self, request: sipmessage.Request) -> None:
        """Answer a request within the dialog."""
        if request.method == "BYE":
            self.bye = request
            self.ended.set()
        if request.method in ("INVITE", "UPDATE") and request.contact:
            self.target = request.contact[0].uri
        if request.method in ("INVITE", "UPDATE") and request.body:
            await self._receive_offer(request)
        else:
            await self.respond(request, 200)

    async def _receive_offer(self, request: sipmessage.Request) -> None:
        offer = request.body.decode()
        answer = self.answer_reoffer(offer)
        if isinstance(answer, int):
            await self.respond(request, answer)
        else:
            self.local_sdp, self.remote_sdp = self._keyed_answer(answer, offer), offer
            await self.respond(request, 200, self.local_sdp)
            self.agree()
            self.described_anew(self.local_sdp)
        self.reoffers.put_nowait(offer)

    async def respond(
        self,
        request: sipmessage.Request,
        code: int,
        sdp: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        response = create_response(request=request, code=code)
        if code > 100:
            response.to_address = self.local
        if request.method in ("INVITE", "UPDATE") and code < 300:
            response.contact = [self.phone.contact]
        for key, value in (headers or {}).items():
            response.headers.set(key, value)
        _put(response, sdp)
        await self.phone.transactions.send_response(response)

    def _mirror(self, offer: str) -> str:
        """Answer a new offer with what we know of it, in its own order and numbers."""
        known = [
            (name, descriptions.payload_type(offer, name))
            for name in descriptions.names(offer)
            if name in self.phone.codecs
        ]
        turned = {"sendonly": "recvonly", "recvonly": "sendonly"}
        direction = descriptions.direction(offer)
        return self.phone.sdp(
            known[:1],
            telephone_event=descriptions.telephone_events(offer),
            direction=turned.get(direction, direction),
        )


class OutgoingCall(Call):
    """A call we placed."""

    def __init__(self, phone: "Phone", local: sipmessage.Address) -> None:
        super().__init__(phone, random_string(22), local)
        self.responses: list[sipmessage.Response] = []
        self.changed = asyncio.Event()
        self.invite: sipmessage.Request | None = None
        self.final: asyncio.Task[sipmessage.Response] | None = None
        self.headers: dict[str, str] = {}
        "Of its INVITE, whatever else the phone calls meanwhile."

    @property
    def answer_sdp(self) -> str:
        return self.remote_sdp

    async def wait_final(self, timeout_s: float = ANSWER_TIMEOUT_S) -> sipmessage.Response:
        """Wait for the final answer to the INVITE."""
        assert self.final is not None
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(self.final)

    async def answered(self, timeout_s: float = ANSWER_TIMEOUT_S) -> sipmessage.Response:
        """Wait for the final answer and insist on 200."""
        response = await self.wait_final(timeout_s)
        assert response.code == 200, f"{response.code} {response.phrase}\n{self.phone.dump()}"
        return response

    async def wait_provisional(self, code: int, timeout_s: float = 30.0) -> sipmessage.Response:
        """Wait for one provisional answer; fails at once if the call is over without it."""
        async with asyncio.timeout(timeout_s):
            while True:
                for response in self.responses:
                    if response.code == code:
                        return response
                    assert response.code < 200, f"{response.code} before {code}"
                self.changed.clear()
                await self.changed.wait()

    async def cancel(self) -> sipmessage.Response:
        """Send a CANCEL for the INVITE that is under way."""
        assert self.invite is not None
        cancel = sipmessage.Request("CANCEL", self.invite.uri)
        cancel.via = self.invite.via[:1]
        cancel.max_forwards = 70
        cancel.from_address, cancel.to_address = self.local, self.invite.to_address
        cancel.call_id = self.call_id
        cancel.cseq = sipmessage.CSeq(sequence=self.invite.cseq.sequence, method="CANCEL")
        return await self.phone.transactions.send_request(cancel)

    async def run(
        self, sdp: str | None, answer: Callable[[str], str] | None
    ) -> sipmessage.Response:
        """Send the INVITE, with credentials if asked for, and acknowledge a 2xx.

        `answer` makes the SDP of the ACK where the INVITE had none.
        """
        sdp = self._keyed_offer(sdp)
        response = await self._try(sdp, self.request("INVITE"))
        retry = self.phone.authenticated(response, self.invite)
        if retry is not None:
            request = self.request("INVITE")
            request.headers.set(*retry)
            response = await self._try(sdp, request)
        if 200 <= response.code < 300:
            self._learn(response)
            body = self._keyed_answer(answer(self.remote_sdp)) if answer and sdp is None else None
            self.local_sdp = body or sdp or ""
            self.agree()
            assert self.invite is not None
            await self._acknowledge(self.invite, body)
        return response

    async def _try(self, sdp: str | None, request: sipmessage.Request) -> sipmessage.Response:
        for key, value in self.headers.items():
            request.headers.set(key, value)
        _put(request, sdp)
        self.invite, self.local_sdp = request, sdp or ""
        return await self.phone.transactions.invite(request, self._responded)

    def _responded(self, response: sipmessage.Response) -> None:
        if response.code not in (401, 407):
            self.responses.append(response)
        if 100 < response.code < 200 and response.body:
            self.remote_sdp = response.body.decode()
            self.agree()
        self.changed.set()


class IncomingCall(Call):
    """A call placed to us."""

    def __init__(self, phone: "Phone", invite: sipmessage.Request) -> None:
        local = invite.to_address
        tagged = dataclasses.replace(
            local, parameters=local.parameters.replace(tag=random_string(10))
        )
        super().__init__(phone, invite.call_id, tagged)
        self.invite = invite
        self.remote = invite.from_address
        self.target = invite.contact[0].uri
        self.route = invite.record_route
        self.remote_sdp = invite.body.decode()
        self.cancelled = asyncio.Event()

    @property
    def offer_sdp(self) -> str:
        """The SDP of the INVITE."""
        return self.invite.body.decode()

    async def ring(self) -> None:
        await self.respond(self.invite, 180)

    async def early_media(self, sdp: str) -> None:
        self.local_sdp = self._keyed_answer(sdp)
        self.agree()
        await self.respond(self.invite, 183, self.local_sdp)

    async def answer(self, sdp: str, timeout_s: float = 20.0) -> None:
        """Answer with 200 and wait for the ACK."""
        self.local_sdp = self._keyed_answer(sdp)
        self.agree()
        await self.respond(self.invite, 200, self.local_sdp)
        async with asyncio.timeout(timeout_s):
            await self.acknowledged.wait()

    async def answer_in(self, *codecs: str, telephone_event: bool = True) -> None:
        """Answer with these codecs at the numbers of the offer."""
        chosen = [(name, descriptions.payload_type(self.offer_sdp, name)) for name in codecs]
        events = descriptions.telephone_events(self.offer_sdp) if telephone_event else {}
        rates = {descriptions.CLOCK_RATES[name] for name in codecs}
        kept = {number: rate for number, rate in events.items() if rate in rates}
        await self.answer(self.phone.sdp(chosen, telephone_event=kept))

    async def reject(self, code: int, *, headers: Mapping[str, str] | None = None) -> None:
        await self.respond(self.invite, code, headers=headers)

    async def cancel_received(self, cancel: sipmessage.Request) -> None:
        await self.respond(cancel, 200)
        await self.respond(self.invite, 487)
        self.cancelled.set()
        self.ended.set()


def _put(message: sipmessage.Message, sdp: str | None) -> None:
    if sdp is not None:
        message.content_type = SDP_TYPE
        message.body = sdp.encode()
        if sdp.startswith("--"):  # a multipart body, at its first boundary
            boundary = sdp.partition("\r\n")[0].removeprefix("--")
            message.headers.set("Content-Type", f"Multipart/Mixed; boundary={boundary}")
