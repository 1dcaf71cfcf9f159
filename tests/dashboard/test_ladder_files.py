"""A call's ladder as text and as a capture, which tshark reads."""

import subprocess
from pathlib import Path
from typing import Any

from dashboard.calls.ladderfiles import capture, ladder_text
from tests.dashboard.live import demo

SDP = (
    "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\nm=audio 4000 RTP/AVP 0\n"
)
PEER = "udp:198.51.100.7:5062"
VISITOR = "tls:[2001:db8::7]:40000"


def message(number: int, leg: str, way: str, start: str, **more: Any) -> Any:
    """Return a message with the headers that a reader of SIP wants, and maybe a description."""
    via = "192.0.2.1:5060" if way == "out" and start.endswith("SIP/2.0") else "198.51.100.7:5062"
    body = SDP if "INVITE" in start or "200" in start else ""
    contact = "\nContact: <sip:trunk@[2001:db8::1]:5061>" if leg == "B" else ""
    length = len(body) + body.count("\n")
    text = (
        f"{start}\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{leg}\nFrom: <sip:a@example.com>;tag=1\n"
        f"To: <sip:b@example.com>;tag=2\nCall-ID: {leg}@example.com\nCSeq: 1 INVITE{contact}\n"
        f"Content-Type: application/sdp\nContent-Length: {length}\n\n{body}"
    )
    summary = start.removeprefix("SIP/2.0 ").removesuffix(" SIP/2.0")
    values = {"text": text, "peer": PEER if leg == "A" else VISITOR, **more}
    return demo.message(number, leg, way, summary, **values)


LADDER = [
    message(1, "A", "in", "INVITE sip:b@192.0.2.1 SIP/2.0"),
    message(2, "B", "in", "INVITE sip:b@192.0.2.1 SIP/2.0"),
    message(3, "B", "out", "SIP/2.0 200 OK"),
    message(4, "A", "out", "BYE sip:b@192.0.2.1 SIP/2.0"),
    demo.message(5, "", "note", "Only the first 4 messages are kept.", peer="", text=""),
]


def test_tshark_reads_whole_messages_with_their_addresses(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    file.write_bytes(b"".join(capture(LADDER)))
    fields = (
        "sip.Call-ID", "sip.Method", "sip.Status-Code", "sdp.media.port",
        "exported_pdu.ipv4_src", "exported_pdu.ipv4_dst", "exported_pdu.ipv6_src",
        "exported_pdu.ipv6_dst", "exported_pdu.src_port", "exported_pdu.dst_port",
    )  # fmt: skip
    named = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(file), "-T", "fields", "-E", "separator=|", *named]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        "A@example.com|INVITE||4000|198.51.100.7|192.0.2.1|||5062|5060",
        "B@example.com|INVITE||4000|||2001:db8::7|2001:db8::1|40000|5061",
        "B@example.com||200|4000|||2001:db8::1|2001:db8::7|5061|40000",
        "A@example.com|BYE|||192.0.2.1|198.51.100.7|||5060|5062",
    ]


def test_whoever_runs_the_other_side_can_read_it() -> None:
    text = ladder_text("Call 1: a to b", LADDER)
    assert text.startswith("Call 1: a to b\nSecrets are masked")
    assert "Z 00:00.000 caller to us: INVITE" in text
    assert f"[{PEER}]" in text
    assert "\nm=audio 4000 RTP/AVP 0\n" in text
    assert text.endswith("Only the first 4 messages are kept.\n")


def test_an_address_that_nobody_said_is_left_out() -> None:
    odd = [
        message(1, "A", "in", "OPTIONS sip:b SIP/2.0", peer="udp:nowhere"),
        message(2, "A", "out", "SIP/2.0 200 OK", peer="", text="SIP/2.0 200 OK"),
    ]
    assert b"OPTIONS sip:b SIP/2.0\r\n" in b"".join(capture(odd))
