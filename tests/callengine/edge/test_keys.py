import pytest

from callengine.edge.messages.keys import relayed_key

FORMS = [
    ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5", 160),
    ("application/dtmf-relay", b"Signal= 5\r\nDuration= 160", "5", 160),
    ("Application/DTMF-Relay; charset=utf-8", b"signal=*\nduration=100\n", "*", 100),
    ("application/dtmf-relay", b"Duration=250\r\nSignal=#\r\n", "#", 250),
    ("application/dtmf-relay", b"Signal=11\r\n", "#", 160),
    ("application/dtmf-relay", b"Signal=d\r\nDuration=99999\r\n", "D", 160),
    ("application/dtmf-relay", b"Signal=1\r\nDuration=x\r\n", "1", 160),
    ("application/dtmf", b"5", "5", 160),
    ("application/dtmf", b" 5 \r\n", "5", 160),
    ("APPLICATION/DTMF", b"10", "*", 160),
    ("application/dtmf", b"Signal=7\r\nDuration=80\r\n", "7", 80),
]


@pytest.mark.parametrize(("kind", "body", "key", "length_ms"), FORMS)
def test_every_form_of_a_key_becomes_one(kind: str, body: bytes, key: str, length_ms: int) -> None:
    assert relayed_key(kind, body) == f"Signal={key}\r\nDuration={length_ms}\r\n".encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"5"),
        ("", b"5"),
        ("application/dtmf", b""),
        ("application/dtmf", b"\r\n"),
        ("application/dtmf", b"hello"),
        ("application/dtmf", b"16"),
        ("application/dtmf-relay", b"5"),
        ("application/dtmf-relay", b"Signal=\r\n"),
        ("application/dtmf-relay", b"Signal=55\r\n"),
        ("application/dtmf-relay", b"Signal=5" + b" " * 60_000),
        ("application/dtmf-relay", "Signal=５\r\n".encode()),
    ],
)
def test_what_is_no_key_is_none(kind: str, body: bytes) -> None:
    assert relayed_key(kind, body) == b""
