"""The SIP stack of the library `sipua`, opened where a scripted peer needs more of it.

Added: port 0, a log of what passed the socket, framing by Content-Length on TCP, TLS, provisional
answers, an ACK to a 2xx that belongs to the caller (it may carry the SDP answer).
"""

import asyncio
import copy
import dataclasses
import re
import ssl
from collections.abc import Callable
from typing import TypeVar

import sipmessage
from sipua.transaction import (
    TIMER_D,
    ClientInviteTransaction,
    TransactionLayer,
    TransactionState,
    create_ack,
    get_client_transaction_key,
    get_server_transaction_key,
)
from sipua.transport import (
    TcpTransportChannel,
    TransportAddress,
    TransportChannel,
    TransportLayer,
    UdpTransportChannel,
    get_transport_destination,
    set_transport_source,
)

from tests.peers.ports import in_uri

CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
Log = list[tuple[str, bytes]]


class UdpChannel(UdpTransportChannel):
    log: Log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.via_host = in_uri(self.via_host)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.log.append(("<-", data))
        if data.strip():
            super().datagram_received(data, addr)

    async def send_message(
        self, message: sipmessage.Message, destination: TransportAddress
    ) -> None:
        self.log.append(("->", bytes(message)))  # type: ignore[call-overload]
        to = dataclasses.replace(destination, host=destination.host.strip("[]"))
        await super().send_message(message, to)


class TcpChannel(TcpTransportChannel):
    log: Log
    _buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.via_host = in_uri(self.via_host)

    def data_received(self, data: bytes) -> None:
        self._buffer = (self._buffer + data).lstrip(b"\r\n")
        while b"\r\n\r\n" in self._buffer:
            head = self._buffer.index(b"\r\n\r\n") + 4
            match = CONTENT_LENGTH.search(self._buffer[:head])
            size = head + (int(match[1]) if match else 0)
            if len(self._buffer) < size:
                return
            message, self._buffer = self._buffer[:size], self._buffer[size:].lstrip(b"\r\n")
            self.log.append(("<-", message))
            super().data_received(message)

    async def send_message(
        self, message: sipmessage.Message, destination: TransportAddress
    ) -> None:
        self.log.append(("->", bytes(message)))  # type: ignore[call-overload]
        await super().send_message(message, destination)


class TlsChannel(TcpChannel):
    uri_transport = "tls"
    via_transport = "TLS"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.remote_address is not None
        self.remote_address.protocol = "tls"
        self._lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost.set()

    async def close(self) -> None:
        await super().close()
        try:
            async with asyncio.timeout(1):
                await self._lost.wait()
        except TimeoutError:  # the other side says no farewell
            assert self._transport is not None
            self._transport.abort()
            await self._lost.wait()


C = TypeVar("C", UdpChannel, TcpChannel, TlsChannel)


class Transport(TransportLayer):
    """UDP on a free port; TCP and TLS by connections we open, and such as are accepted there."""

    def __init__(self, host: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.host = host
        self.tls = tls
        self.log: Log = []
        self.port = 0

    async def open(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self._logged(UdpChannel), local_addr=(self.host, port)
        )
        self.port = transport.get_extra_info("sockname")[1]

    async def listen_for(self, protocol: str, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections over TCP, or TLS with a certificate, at the port of UDP."""
        channel = TlsChannel if protocol == "tls" else TcpChannel
        server = await asyncio.get_running_loop().create_server(
            lambda: self._logged(channel), self.host, self.port, ssl=tls
        )
        self._tcp_servers.add(server)

    def send_raw(self, data: bytes, to: tuple[str, int]) -> None:
        """Send one datagram as it is."""
        channel = next(c for c in self._channels if isinstance(c, UdpChannel))
        assert channel._transport is not None
        self.log.append(("->", data))
        channel._transport.sendto(data, to)

    async def send_message(self, message: sipmessage.Message) -> bool:
        """Send a message, to an IPv6 address in brackets too."""
        message.content_length = len(message.body)
        destination = await get_transport_destination(_without_brackets(message))
        channel = await self._acquire_channel(destination)
        set_transport_source(message, channel)
        await channel.send_message(message, destination)
        return channel.is_reliable

    def _logged(self, cls: type[C]) -> C:
        channel = cls(
            connect_handler=self._connect_handler,
            disconnect_handler=self._disconnect_handler,
            message_handler=self._message_handler,
        )
        channel.log = self.log
        return channel

    async def _acquire_channel(self, destination: TransportAddress) -> TransportChannel:
        for channel in self._channels:
            if channel.remote_address == destination:
                return channel
        if destination.protocol in ("tcp", "tls"):
            is_secure = destination.protocol == "tls"
            channel_of = TlsChannel if is_secure else TcpChannel
            _, opened = await asyncio.get_running_loop().create_connection(
                lambda: self._logged(channel_of),
                destination.host,
                destination.port,
                local_addr=(self.host, 0),
                ssl=self.tls if is_secure else None,
            )
            return opened
        return await super()._acquire_channel(destination)


def _without_brackets(message: sipmessage.Message) -> sipmessage.Message:
    """Return what sipua finds the destination of: it takes a host in brackets for a name."""
    if not isinstance(message, sipmessage.Request) or not message.uri.host.startswith("["):
        return message
    bare = copy.copy(message)
    bare.uri = dataclasses.replace(message.uri, host=message.uri.host.strip("[]"))
    return bare


class InviteTransaction(ClientInviteTransaction):
    """Leaves the ACK to a 2xx to the caller, and shows every answer."""

    def __init__(
        self,
        *,
        request: sipmessage.Request,
        transaction_layer: TransactionLayer,
        on_response: Callable[[sipmessage.Response], None],
    ) -> None:
        super().__init__(request=request, transaction_layer=transaction_layer)
        self._on_response = on_response

    async def receive_response(self, response: sipmessage.Response) -> None:
        self._on_response(response)
        live = self._state in (TransactionState.Calling, TransactionState.Proceeding)
        if live and 200 <= response.code < 300:
            self._set_state(TransactionState.Terminated)
            self._future.set_result(response)
        elif live and response.code >= 300:
            # With the Route of the INVITE (RFC 3261 section 17.1.1.3), which sipua leaves out.
            ack = create_ack(request=self._request, response=response)
            ack.route = self._request.route
            await self._transport_layer.send_message(ack)
            self._set_state(TransactionState.Completed)
            self._future.set_result(response)
            self._start_timer("D", 0 if self._is_reliable else TIMER_D)
        else:
            await super().receive_response(response)


class Transactions(TransactionLayer):
    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.on_ack: Callable[[sipmessage.Request], None] | None = None

    async def invite(
        self, request: sipmessage.Request, on_response: Callable[[sipmessage.Response], None]
    ) -> sipmessage.Response:
        """Send an INVITE and return its final answer, every answer shown on the way."""
        transaction = InviteTransaction(
            request=request, transaction_layer=self, on_response=on_response
        )
        self._client_transactions[get_client_transaction_key(request)] = transaction
        return await transaction.run()

    async def _receive_request(self, request: sipmessage.Request) -> None:
        unmatched = get_server_transaction_key(request) not in self._server_transactions
        if request.method == "ACK" and unmatched and self.on_ack is not None:
            self.on_ack(request)
        await super()._receive_request(request)

    async def send_ack(self, ack: sipmessage.Request) -> None:
        await self._transport_layer.send_message(ack)


def with_rport(via: sipmessage.Via) -> sipmessage.Via:
    """Ask for the answer at the port we send from (RFC 3581)."""
    return dataclasses.replace(via, parameters=via.parameters.replace(rport=None))
