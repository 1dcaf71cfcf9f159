"""SIP over TLS: who is let in, who is believed, and what is said when a handshake fails."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from callengine.core.reasons import Rule
from callengine.edge.flow import TLS, Flow
from callengine.edge.settings import TlsSettings
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.upcalls import Upcalls
from tests.callengine.edge.fakes import PATIENCE_S, Phone, edge_settings
from tests.peers.certificates import Authority, Issued

HOST, NAME = "127.0.0.2", "sip.example"
Open = Callable[..., Awaitable["Wire"]]


class Wire:
    """The sockets of an edge, and what they bring."""

    def __init__(self, tls: TlsSettings) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.cut: asyncio.Queue[tuple[Flow, Rule, str]] = asyncio.Queue()
        self.unreachable: asyncio.Queue[tuple[Flow, str]] = asyncio.Queue()
        self.transports = Transports(
            edge_settings(listen=(("tls", HOST, 0),) if tls.certificate else (), tls=tls),
            Upcalls(
                on_message=lambda data, flow: self.heard.put_nowait((data, flow)),
                on_broken=lambda *_: None,
                on_unreachable=lambda *what: self.unreachable.put_nowait(what),
                on_cut=lambda *what: self.cut.put_nowait(what),
            ),
        )

    @property
    def port(self) -> int:
        return self.transports.tcp[0][2]

    async def connect(self, context: ssl.SSLContext, name: str = NAME) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(
            HOST, self.port, ssl=context, server_hostname=name
        )
        return writer

    async def next_heard(self) -> tuple[bytes, Flow]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.heard.get()

    async def next_cut(self) -> tuple[Rule, str]:
        async with asyncio.timeout(PATIENCE_S):
            return (await self.cut.get())[1:]

    async def why_unreachable(self, flow: Flow) -> str:
        """Send to a flow that will not do; return why not."""
        told: asyncio.Queue[str] = asyncio.Queue()
        self.transports.send(flow, options(), told.put_nowait)
        async with asyncio.timeout(PATIENCE_S):
            why = await told.get()
            assert await self.unreachable.get() == (flow, why)
        return why


def options() -> bytes:
    phone = Phone(HOST, 5062, transport="TLS", call_id="one", tag="one")
    return phone.request("OPTIONS", 1, branch="z9hG4bKone").encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    return authority.issue(NAME, dns=[NAME])


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Open edges that are closed again at the end."""
    async with AsyncExitStack() as stack:

        async def opened(shown: Issued | None = None, **more: object) -> Wire:
            files = {"certificate": shown.certificate, "key": shown.key} if shown else {}
            wire = Wire(TlsSettings(**{**files, **more}))  # type: ignore[arg-type]
            await wire.transports.start()
            stack.push_async_callback(wire.transports.stop)
            return wire

        yield opened


async def served(
    shown: Issued, stack: AsyncExitStack, *, asks: Authority | None = None
) -> tuple[int, asyncio.Queue[bytes], asyncio.Queue[str]]:
    """Run a server; return its port, what it hears, and the names it is asked for."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    names: asyncio.Queue[str] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            heard.put_nowait(await reader.read(65536))
        writer.close()

    context = shown.server()
    context.sni_callback = lambda _, name, __: names.put_nowait(name or "")
    if asks is not None:
        context.load_verify_locations(asks.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(take, HOST, 0, ssl=context)
    stack.callback(server.close)
    return server.sockets[0].getsockname()[1], heard, names


async def test_messages_go_both_ways_over_a_connection_that_a_phone_opened(
    authority: Authority, ours: Issued, opened: Open
) -> None:
    wire = await opened(ours)
    reader, writer = await asyncio.open_connection(
        HOST, wire.port, ssl=authority.client(), server_hostname=NAME
    )
    writer.write(options())
    data, flow = await wire.next_heard()
    assert data == options()
    assert (flow.transport, flow.host, flow.name) == (TLS, "127.0.0.1", "")
    wire.transports.send(flow, b"SIP/2.0 200 OK\r\n\r\n")
    writer.write(b"\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readuntil(b"OK\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
    assert wire.transports.certified_names(flow) == ()
    writer.close()


async def test_records_without_number_are_cut_off_and_large_messages_are_not(
    authority: Authority, ours: Issued, opened: Open
) -> None:
    """A client's key updates, 100 kB/s of them, had the engine do nothing else."""
    wire = await opened(ours)
    writer = await wire.connect(authority.client())
    large = options().replace(b"\r\n\r\n", b"\r\nX-A: " + b"a" * 30_000 + b"\r\n\r\n")
    for line in options().splitlines(keepends=True):  # a record for each
        writer.write(line)
    for _ in range(20):
        writer.write(large)
    for wanted in (options(), *[large] * 20):
        assert (await wire.next_heard())[0] == wanted
    busy = await wire.connect(authority.client())
    for _ in range(2000):
        busy.write(b"x")  # 22 bytes of a record for one
    cut, advice = await wire.next_cut()
    assert cut is Rule.FLOODING
    assert "far more records than messages" in advice
    assert wire.heard.empty()
    for one in (writer, busy):
        one.transport.abort()


@pytest.mark.parametrize("shown", ["", "client.example"])
async def test_a_certificate_that_is_asked_for_may_be_missing(
    authority: Authority, ours: Issued, opened: Open, shown: str
) -> None:
    wire = await opened(ours, clients="optional", authorities=authority.certificate)
    client = authority.issue(shown, uris=[f"sip:{shown}"]) if shown else None
    writer = await wire.connect(authority.client(client))
    writer.write(options())
    _, flow = await wire.next_heard()
    assert wire.transports.certified_names(flow) == ((shown,) if shown else ())
    writer.close()


async def test_a_client_certificate_that_is_required_and_missing_or_not_believed_is_told(
    authority: Authority, ours: Issued, opened: Open, tmp_path: Path
) -> None:
    wire = await opened(ours, clients="required", authorities=authority.certificate)
    stranger = Authority(tmp_path, "Somebody Else").issue("client.example")
    for shown, rule, words in (
        (None, Rule.CLIENT_CERTIFICATE_MISSING, "showed no certificate"),
        (stranger, Rule.CLIENT_CERTIFICATE_REFUSED, "not believed: unable to get local issuer"),
    ):
        await nothing_comes_through(wire, authority.client(shown))
        cut, advice = await wire.next_cut()
        assert cut is rule
        assert words in advice


async def nothing_comes_through(wire: Wire, context: ssl.SSLContext) -> None:
    """Connect; with TLS 1.3 who connects learns of the refusal when it reads."""
    try:
        reader, writer = await asyncio.open_connection(
            HOST, wire.port, ssl=context, server_hostname=NAME
        )
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()
    except OSError:
        return


async def test_what_is_not_tls_is_told_and_closed(ours: Issued, opened: Open) -> None:
    wire = await opened(ours)
    reader, writer = await asyncio.open_connection(HOST, wire.port)
    writer.write(options())
    cut, advice = await wire.next_cut()
    assert cut is Rule.NOT_TLS
    assert "not TLS" in advice
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_a_version_before_1_2_is_told(ours: Issued, opened: Open) -> None:
    wire = await opened(ours)
    await openssl(wire, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    cut, advice = await wire.next_cut()
    assert cut is Rule.TLS_TOO_OLD
    assert "TLS 1.1 or older" in advice


async def test_ciphers_that_nobody_shares_are_told(ours: Issued, opened: Open) -> None:
    wire = await opened(ours)
    await openssl(wire, "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")
    cut, advice = await wire.next_cut()
    assert cut is Rule.TLS_FAILED
    assert "no shared cipher" in advice


async def test_a_device_that_does_not_believe_us_is_told(
    ours: Issued, opened: Open, tmp_path: Path
) -> None:
    wire = await opened(ours)
    others = Authority(tmp_path, "Others").certificate
    output = await openssl(wire, "-CAfile", str(others), "-verify_return_error")
    assert b"verify failed" in output
    cut, advice = await wire.next_cut()
    assert cut is Rule.CERTIFICATE_NOT_TRUSTED
    assert "it says unknown ca" in advice


async def openssl(wire: Wire, *arguments: str, says: bytes = b"") -> bytes:
    """Connect as OpenSSL's own client, and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", f"{HOST}:{wire.port}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(says), 30)
    return output


async def test_half_open_handshakes_are_bounded_and_end_and_leave_room_for_others(
    authority: Authority, ours: Issued, opened: Open
) -> None:
    wire = await opened(ours, handshake_s=1.0, max_handshakes_per_host=3)
    good = await wire.connect(authority.client())
    idle = [await asyncio.open_connection(HOST, wire.port) for _ in range(3)]
    _, refused = await asyncio.open_connection(HOST, wire.port)
    assert (await wire.next_cut())[0] is Rule.TOO_MANY_CONNECTIONS
    # Another source, and who is through already, are served meanwhile.
    _, other = await asyncio.open_connection(
        HOST, wire.port, ssl=authority.client(), server_hostname=NAME, local_addr=("127.0.0.9", 0)
    )
    for writer in (other, good):
        writer.write(options())
        assert (await wire.next_heard())[0] == options()
    assert [(await wire.next_cut())[0] for _ in idle] == [Rule.TLS_TOO_SLOW] * 3
    again = await wire.connect(authority.client())
    for writer in (good, other, again, refused, *(writer for _, writer in idle)):
        writer.close()


async def test_what_a_phone_wants_to_negotiate_anew_is_refused(
    authority: Authority, ours: Issued, opened: Open
) -> None:
    wire = await opened(ours)
    assert wire.transports.tls.server.options & ssl.OP_NO_RENEGOTIATION
    output = await openssl(wire, "-tls1_2", says=b"R\n")  # which has it ask for that
    assert b"no renegotiation" in output
    writer = await wire.connect(authority.client())
    writer.write(options())
    assert (await wire.next_heard())[0] == options()
    writer.close()


async def test_a_new_certificate_is_taken_over_and_connections_go_on(
    authority: Authority, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    shown = authority.issue(NAME, dns=[NAME, "before.example"], file="renewed")
    wire = await opened(shown)
    before = await wire.connect(authority.client(), "before.example")
    authority.issue(NAME, dns=[NAME, "after.example"], file="renewed")
    wire.transports.close_idle(asyncio.get_running_loop().time())
    after = await wire.connect(authority.client(), "after.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        await wire.connect(authority.client(), "before.example")
    shown.key.write_text("spoilt")
    os.utime(shown.key, ns=(1, 1))
    wire.transports.tls.reload()
    assert "stays as it was" in caplog.text
    late = await wire.connect(authority.client(), "after.example")
    for writer in (before, after, late):
        writer.write(options())
        assert (await wire.next_heard())[0] == options()
        writer.close()


async def test_a_connection_of_ours_asks_for_the_name_it_was_led_by(
    authority: Authority, ours: Issued, opened: Open
) -> None:
    wire = await opened(ours, authorities=authority.certificate)
    async with AsyncExitStack() as stack:
        carrier = authority.issue("carrier", uris=["sip:carrier.example"], dns=["host.example"])
        port, heard, names = await served(carrier, stack, asks=authority)
        flow = Flow(TLS, HOST, port, "carrier.example")
        wire.transports.send(flow, options())
        async with asyncio.timeout(PATIENCE_S):
            assert await heard.get() == options()
            assert await names.get() == "carrier.example"


async def test_it_is_told_why_a_peer_is_not_believed(
    authority: Authority, opened: Open, tmp_path: Path
) -> None:
    wire = await opened(authorities=authority.certificate)
    ended = timedelta(days=-3, minutes=-1)
    stranger, itself = Authority(tmp_path, "Elsewhere"), Authority(tmp_path, "carrier.example")
    own = tmp_path / "itself.key"
    own.write_bytes(itself.key_pem())
    async with AsyncExitStack() as stack:
        for shown, words in (
            (authority.issue("o", dns=["other.example"]), "is for other.example"),
            (
                authority.issue("e", dns=["carrier.example"], ends_in=ended),
                "the certificate of carrier.example expired 3 days ago",
            ),
            (
                stranger.issue("s", dns=["carrier.example"]),
                "issued by CN=Elsewhere, which is not trusted here",
            ),
            (Issued(itself.certificate, own), "signed by itself and not among those trusted"),
        ):
            port, heard, _ = await served(shown, stack)
            assert words in await wire.why_unreachable(Flow(TLS, HOST, port, "carrier.example"))
            assert heard.empty() or await heard.get() == b""


async def test_it_is_told_that_a_peer_speaks_no_tls_or_says_nothing(opened: Open) -> None:
    wire = await opened(handshake_s=0.5)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for behaviour, words in (
        (answer, "does not speak TLS"),
        (keep_silent, "took too long"),
    ):
        async with await asyncio.start_server(behaviour, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert words in await wire.why_unreachable(Flow(TLS, HOST, port, "carrier.example"))
    assert await wire.why_unreachable(Flow(TLS, HOST, 1, "x")) == f"cannot connect to tls:{HOST}:1"
