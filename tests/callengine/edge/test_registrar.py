"""The registrar's rule as a table (RFC 3261 section 10.3)."""

from dataclasses import replace

import pytest

from callengine.edge.callers.registrar import (
    ContactRequest,
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    register,
)
from callengine.edge.interface import Binding

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
