"""One call and its actors: a caller, a callee and a call process on plain sockets."""

from dataclasses import dataclass

from callengine.edge.frontdoor import Edge
from callengine.edge.messages.received import Received, receive
from tests.callengine.edge.fakes import SDP, FakeEngine, Phone, UdpPeer, reply_as

Address = tuple[str, int]
CALL = "c" * 32


def host_port(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


@dataclass
class Scene:
    """One call's actors."""

    edge: Edge
    engine: FakeEngine
    sip: Address
    peer: UdpPeer
    callee: UdpPeer
    worker: UdpPeer
    phone: Phone
    invite_branch: str = "z9hG4bKtheinvite"

    @property
    def internal(self) -> Address:
        host, _, port = self.edge.internal_address.partition(":")
        return host, int(port)

    @property
    def uri(self) -> str:
        return f"sip:+1%20(202)555-0100@{self.sip[0]}:{self.sip[1]}".replace("%20", "")

    def invite(self, **more: object) -> str:
        more = {"uri": self.uri, "branch": self.invite_branch, "body": SDP, **more}
        return self.phone.request("INVITE", 1, **more)  # type: ignore[arg-type]

    async def to_worker(self, **more: object) -> Received:
        """Send the INVITE; return it as the call process hears it."""
        self.peer.send(self.invite(**more), self.sip)
        assert (await self.peer.next()).code == 100
        return await self.worker.expect("INVITE")

    async def answered(self) -> Received:
        """Bring leg A up; return the call process's view of the INVITE."""
        invite = await self.to_worker()
        self.worker_reply(invite, 180, "Ringing")
        await self.peer.expect(180)
        self.worker_reply(invite, 200, "OK", body=SDP)
        await self.peer.expect(200)
        self.peer.send(self.in_dialog("ACK", 1), self.sip)
        await self.worker.expect("ACK")
        return invite

    def worker_reply(self, request: Received, code: int, phrase: str, body: str = "") -> None:
        host, port = self.worker.address
        extra = (f"Contact: <sip:x@{host}:{port};ob>", f'Warning: 399 {host} "no"', "Server: pj")
        self.worker.send(
            reply_as(request, code, phrase, *extra, tag="workertag", body=body), self.internal
        )

    def in_dialog(self, method: str, cseq: int, **more: object) -> str:
        return self.phone.request(
            method,
            cseq,
            uri=f"sip:TOKENA@{self.sip[0]}:{self.sip[1]}",
            to=f"<sip:alice@{self.sip[0]}>;tag=workertag",
            **more,  # type: ignore[arg-type]
        )

    def worker_request(
        self,
        method: str,
        cseq: int,
        *,
        token: str = "TOKENB",
        to_tag: str = "",
        branch: str = "",
        call_id: str = "legb",
        body: str = "",
        from_tag: str = "wb",
        extra: tuple[str, ...] = (),
    ) -> None:
        to_tag = to_tag and self.inner_tag(token)
        phone = Phone(
            *self.worker.address,
            user="caller",
            edge=self.callee.address,
            call_id=call_id,
            tag=from_tag,
        )
        to = "<sip:bob@example.net>" + (f";tag={to_tag}" if to_tag else "")
        text = phone.request(
            method,
            cseq,
            uri=f"sip:{token}@{self.edge.internal_address}",
            to=to,
            branch=branch,
            headers=("User-Agent: pjsua", *extra),
            body=body,
        )
        self.worker.send(text, self.internal)

    def inner_tag(self, token: str) -> str:
        """Return the last tag by which the call process heard of a leg's peer."""
        heard = [receive(data) for data in self.worker.raw]
        ours = [message for message in heard if f"sip:{token}@" in message.get("contact")]
        tags = (message.to_tag if message.code else message.from_tag for message in reversed(ours))
        return next(tag for tag in tags if tag)

    async def ringing_b(self) -> Received:
        """Have the call process ring the callee; return the INVITE the callee hears."""
        self.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
        invite = await self.callee.expect("INVITE")
        self.callee_reply(invite, 180, "Ringing")
        assert (await self.worker.expect(180)).via.branch == "z9hG4bKwb"
        return invite

    def callee_reply(self, request: Received, code: int, phrase: str, body: str = "") -> None:
        host, port = self.callee.address
        self.callee.send(
            reply_as(
                request, code, phrase, f"Contact: <sip:bob@{host}:{port}>", tag="bt", body=body
            ),
            self.sip,
        )
