"""The registrar's rule as a table (RFC 3261 section 10.3)."""

from dataclasses import replace

import pytest

from callengine.edge.callers.registrar import (
    ContactRequest,
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    read_register,
    register,
)
from callengine.edge.flow import Flow
from callengine.edge.interface import Binding
from callengine.edge.messages.received import receive

LIMITS = RegistrarLimits(60, 3600, 600, 3)


def asked(
    *contacts: tuple[str, int | None],
    star: bool = False,
    expires: int | None = None,
    call_id: str = "c",
    cseq: int = 5,
    instance: str = "",
) -> RegisterRequest:
    values = tuple(ContactRequest(uri, seconds, 1.0, instance) for uri, seconds in contacts)
    return RegisterRequest(values, star, expires, call_id, cseq, "udp:1.2.3.4:5", "ua")


def bound(
    uri: str, *, call_id: str = "c", cseq: int = 1, until: float = 2000, instance: str = ""
) -> Binding:
    return Binding(uri, call_id, cseq, until, "udp:1.2.3.4:5", "ua", 1.0, instance)


OLD = [bound("sip:a@H;transport=UDP"), bound("sip:b@h"), bound("sip:dead@h", until=999)]


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (asked(), ["sip:a@H;transport=UDP", "sip:b@h"]),
        (asked(("sip:c@h", None)), ["sip:a@H;transport=UDP", "sip:b@h", "sip:c@h"]),
        (asked(("sip:a@h;transport=udp;x=1", 60)), ["sip:b@h", "sip:a@h;transport=udp;x=1"]),
        (asked(("sip:b@h", 0)), ["sip:a@H;transport=UDP"]),
        (asked(star=True, expires=0), []),
        (asked(("sip:a@h;transport=udp", 0), ("sip:b@h", 0), expires=90), []),
        (asked(star=True, expires=60), 400),
        (asked(("sip:b@h", 0), star=True, expires=0), 400),
        (asked(("sip:c@h", 59)), 423),
        (asked(("sip:c@h", None), expires=10), 423),
        (asked(("sip:b@h", 60), cseq=1), 500),
        (asked(("sip:b@h", 60), cseq=1, call_id="d"), ["sip:a@H;transport=UDP", "sip:b@h"]),
        (asked(star=True, expires=0, cseq=1), 500),
        (asked(("sip:c@h", 60), ("sip:d@h", 60)), 403),
    ],
)
def test_registrar(request_: RegisterRequest, result: list[str] | int) -> None:
    outcome = register(OLD, request_, now=1000, limits=LIMITS)
    if isinstance(outcome, RegisterError):
        assert outcome.code == result
    else:
        assert [binding.contact for binding in outcome] == result


PHONE = "SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bK1;rport"
PROXY = "SIP/2.0/UDP 8.8.8.8:5060;branch=z9hG4bK2"
PATH = "Path: <sip:proxy.example;lr>"


@pytest.mark.parametrize(
    ("vias", "headers", "is_direct", "refused"),
    [
        ([PHONE], [], True, None),
        ([PROXY, PHONE], [], False, None),
        ([PHONE], [PATH, "Supported: path"], False, None),
        ([PROXY, PHONE], [PATH, "Supported: path"], False, None),
        ([PROXY, PHONE], [PATH], False, 420),
    ],
)
def test_only_what_comes_by_no_proxy_and_names_none_was_heard_from_the_phone(
    vias: list[str], headers: list[str], is_direct: bool, refused: int | None
) -> None:
    lines = [
        *("REGISTER sip:edge.example SIP/2.0", *(f"Via: {via}" for via in vias)),
        *("From: <sip:a@edge.example>;tag=1", "To: <sip:a@edge.example>"),
        *("Call-ID: c", "CSeq: 1 REGISTER", "Contact: <sip:a@10.0.0.7:5062>", *headers),
    ]
    message = receive("\r\n".join([*lines, "", ""]).encode(), Flow.parse("udp:8.8.8.8:9"))
    assert not message.problem
    request = read_register(message, user_agent="ua")
    assert request.is_direct is is_direct
    outcome = register([], request, now=1000, limits=LIMITS)
    assert (outcome.code if isinstance(outcome, RegisterError) else None) == refused


def test_an_instance_replaces_its_binding_from_another_address() -> None:
    old = [bound("sip:a@10.0.0.1", instance="<urn:x>")]
    new = register(old, asked(("sip:a@10.0.0.2", 60), instance="<urn:x>"), now=1, limits=LIMITS)
    assert isinstance(new, list)
    assert [binding.contact for binding in new] == ["sip:a@10.0.0.2"]


@pytest.mark.parametrize(("flow", "stay"), [("udp:9.9.9.9:9", True), ("udp:1.2.3.4:5", False)])
def test_two_instances_at_one_uri_are_two_phones_unless_one_took_the_others_place(
    flow: str, stay: bool
) -> None:
    old = [replace(bound("sip:a@10.0.0.1", instance="<urn:x>"), flow=flow)]
    new = register(old, asked(("sip:a@10.0.0.1", 60), instance="<urn:y>"), now=1, limits=LIMITS)
    assert isinstance(new, list)
    assert [binding.instance for binding in new] == ["<urn:x>"] * stay + ["<urn:y>"]


def test_expiry_is_capped_and_defaults() -> None:
    for seconds, granted in ((None, 600), (999999, 3600)):
        new = register([], asked(("sip:a@h", seconds)), now=1000, limits=LIMITS)
        assert isinstance(new, list)
        assert new[0].expires_at == 1000 + granted
