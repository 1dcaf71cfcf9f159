"""What a peer says when it leaves: told to the other party, and put on record."""

import pytest

from callengine.edge.interface import LegAnchor
from callengine.edge.legs.parting import Parting, parting_headers, reasons_of
from callengine.edge.legs.table import LegTable
from callengine.edge.messages.received import Received
from tests.callengine.edge.clock import message
from tests.callengine.edge.fakes import SDP
from tests.callengine.edge.scene import Scene
from tests.callengine.edge.test_takeover import calls_callee

RULES = ("keep X-Bill", "add X-Line: north", "record X-Ticket")


def said(method: str, **headers: str) -> Received:
    request = message(method)
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = [value]
    return request


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        ('q.850 ;cause=17; text="User busy"', ['Q.850;cause=17;text="User busy"']),
        ("SIP;cause=200;text=elsewhere, Q.850;cause=26", ["SIP;cause=200", "Q.850;cause=26"]),
        ("SIP;cause=x, PRIVATE;cause=1, Q.850, Q.850;cause=1000", []),
        ('SIP;cause=486;text="a\\"b\\\\c"', ['SIP;cause=486;text="a\'b/c"']),
        (f'SIP;cause=600;text="{"x" * 900}"', [f'SIP;cause=600;text="{"x" * 64}"']),
        ('SIP;cause=600;text="a\r\n Via: b"', None),
    ],
)
def test_a_reason_is_written_anew(value: str, passed: list[str] | None) -> None:
    found = reasons_of(said("BYE", reason=value))
    assert not any(character in text for text in found for character in "\r\n")
    assert passed is None or [text.replace(';text="elsewhere"', "") for text in found] == passed


def test_headers_of_a_bye_go_to_the_other_party_by_the_trunks_rules() -> None:
    legs, notes = LegTable(), []
    worker = ("127.0.0.1", 1)
    a, b, stranger = (
        legs.open(LegAnchor(call, name, token, worker, header_rules=rules))
        for call, name, token, rules in (
            ("c", "A", "ta", RULES),
            ("c", "B", "tb", ()),
            ("other", "B", "to", ()),
        )
    )
    parting = Parting(legs, lambda anchor, text: notes.append(f"{anchor.name} {text}"))
    parting.hear(a, said("INFO", x_ticket="T-2", x_bill="7"))
    assert parting_headers(b) == []
    parting.hear(a, said("BYE", x_bill="7", x_ticket="T-3", x_other="no", reason="Q.850;cause=31"))
    assert parting_headers(b) == [("x-bill", "7"), ("reason", "Q.850;cause=31")]
    assert parting_headers(stranger) == parting_headers(a) == []
    assert notes == [
        "A said in its INFO: X-Ticket: T-2",
        "A said in its BYE: X-Ticket: T-3; Reason: Q.850;cause=31",
    ]
    parting.hear(b, said("BYE", reason="Q.850;cause=16"))
    assert len(notes) == 2, "a normal end is nothing to tell"


async def test_a_bye_tells_the_other_party_why_rfc3326(scene: Scene) -> None:
    """It was told that all was normal, whatever the reason."""
    invite = await scene.to_worker()
    scene.edge.open_legs(calls_callee(scene, "TOKENO"))
    scene.worker_request("INVITE", 1, token="TOKENO", call_id="o", body=SDP)
    scene.callee_reply(await scene.callee.expect("INVITE"), 200, "OK", SDP)
    inner_tag = (await scene.worker.expect(200)).to_tag
    scene.worker_request("ACK", 1, token="TOKENO", to_tag=inner_tag, call_id="o")
    await scene.callee.expect("ACK")
    scene.worker_reply(invite, 200, "OK", body=SDP)
    await scene.peer.expect(200)
    scene.peer.send(scene.in_dialog("ACK", invite.cseq), scene.sip)
    bye = scene.in_dialog("BYE", 5)
    why = 'Reason: Q.850;cause=38;text="Network out of order"\r\nCSeq:'
    scene.peer.send(bye.replace("CSeq:", why, 1), scene.sip)
    await scene.worker.expect("BYE")
    scene.worker_request("BYE", 2, token="TOKENO", to_tag=inner_tag, call_id="o")
    told = await scene.callee.expect("BYE")
    assert told.values("reason") == ['Q.850;cause=38;text="Network out of order"']
    assert scene.engine.said == [
        'A said in its BYE: Reason: Q.850;cause=38;text="Network out of order"'
    ]


async def test_a_cancel_tells_whoever_rings_why_rfc3326(scene: Scene) -> None:
    """A phone counts no missed call for one that was completed elsewhere."""
    await scene.to_worker()
    scene.edge.open_legs(calls_callee(scene, "TOKENO"))
    scene.worker_request("INVITE", 1, token="TOKENO", call_id="o", branch="z9hG4bKo", body=SDP)
    scene.callee_reply(await scene.callee.expect("INVITE"), 180, "Ringing")
    await scene.worker.expect(180)
    why = 'SIP;cause=200;text="Call completed elsewhere"'
    cancel = scene.phone.request("CANCEL", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(cancel.replace("CSeq:", f"Reason: {why}\r\nCSeq:", 1), scene.sip)
    await scene.worker.expect("CANCEL")
    scene.worker_request("CANCEL", 1, token="TOKENO", call_id="o", branch="z9hG4bKo")
    assert (await scene.callee.expect("CANCEL")).values("reason") == [why]
