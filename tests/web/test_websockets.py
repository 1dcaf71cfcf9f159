"""What daphne's websockets do of ours."""

from autobahn.websocket.protocol import WebSocketProtocol

from web.server import BoundedWebSocket


def test_a_page_that_is_gone_is_sent_nothing_and_nobody_fails() -> None:
    socket = BoundedWebSocket()
    socket.state = WebSocketProtocol.STATE_CLOSED
    socket.maxMessagePayloadSize = 100
    socket.sendMessage(b"a beat")
    assert socket.maxMessagePayloadSize == 100
