"""Below a list: what the last calls would have become, and the way back to what it was."""

import datetime as dt
import time
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from audiocodecs.models import PlatformSettings
from callengine.models import Call, Leg
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.accounts.roles import Role
from tests.dashboard import record
from tests.dashboard.people import browser_of
from trunks.models import Trunk

PHONE = "Yealink SIP-T46U 108.86.0.20"
pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Connection:
    return Connection.objects.create(name="Alice", sip_user="alice", inbound_codecs=["PCMU"])


def stored(offered: tuple[str, ...], answer: tuple[str, ...], **more: Any) -> Call:
    """Store a call to Alice, whose phone answered so; by default Bob's, and answered."""
    values: dict[str, Any] = {
        "source": "connection:bob",
        "from_user": "bob",
        "codec_a": offered[0],
        "codec_b": answer[0] if answer else "",
        "plan": {"offered": offered, "vn_a": ["OPUS", "PCMU"], "vn_b": ["PCMU"]},
    }
    call = record.call(**values | more)
    Leg.objects.filter(call=call, name="A").update(offered=list(offered))
    callee = Leg.objects.filter(call=call, name="B")
    callee.update(offered=list(answer), codec=answer[0] if answer else "", user_agent=PHONE)
    return call


def said(client: Client, address: str, **query: Any) -> str:
    response = client.get(address, {"part": "future", **query})
    assert response.status_code == HTTPStatus.OK
    return " ".join(response.content.decode().split())


def test_it_says_what_the_last_calls_would_have_become(admin: Client, alice: Connection) -> None:
    Connection.objects.create(name="Bob", sip_user="bob")
    address = f"/codecs/connection/{alice.pk}/inbound/"
    assert "No call on record has used this list yet" in said(admin, address)

    stored(("OPUS", "PCMU"), ("PCMU",))
    changing = stored(("OPUS",), ("PCMU",))
    stored(("PCMU",), ("PCMU",))
    assert "Of the last 3 calls to Alice: <b>2</b> transcoded" in said(admin, address, codec="PCMU")
    # The phone has only ever answered PCMU: nobody knows whether it has OPUS.
    unknown = said(admin, address, codec=["OPUS", "PCMU"])
    assert "3 past calls used this list" in unknown

    # Its own call tells what it has; forced on the caller, OPUS alone declines the third.
    own = stored(("OPUS", "G722", "PCMU"), ("PCMU",), source="connection:alice", destination="x:y")
    Leg.objects.filter(call=own, name="A").update(user_agent=PHONE)
    text = said(admin, address, codec="OPUS", force="1")
    assert "Of the last 3 calls to Alice: 2 " in text
    assert '<b class="future-better">0</b> transcoded' in text
    assert '<b class="future-worse">1</b> declined' in text
    assert f"/calls/{changing.pk}/" in text
    assert "Show the 3 that change" in text

    page = admin.get(address).content.decode()
    assert "with this list" in page
    typed = {"do": "add:OPUS", "codec": ["PCMU"], "base": "PCMU"}
    assert "<b>2</b> transcoded" in " ".join(admin.post(address, typed).content.decode().split())
    mute = browser_of(Role.NONE)
    assert mute.get(address, {"part": "future"}).status_code == HTTPStatus.FORBIDDEN


def test_each_list_counts_the_calls_it_holds_in(admin: Client, alice: Connection) -> None:
    carrier = Trunk.objects.create(name="carrier-one", in_codecs=["PCMA"])
    bob = Connection.objects.create(name="Bob {name}", sip_user="bob")
    platform = "/settings/codecs/"
    stored(("OPUS", "PCMU"), ("PCMU",))
    stored(("PCMA", "PCMU"), ("PCMU",), source="trunk:carrier-one")
    stored(("OPUS",), ("PCMU",), destination="trunk:carrier-one")
    stored(("OPUS",), ("PCMU",), source="lab:connection:bob")
    record.call("in-progress", source="connection:bob")

    outbound = f"/codecs/connection/{bob.pk}/outbound/"
    text = said(admin, outbound, codec="PCMU")
    assert "Of the last call of Bob {name} to connections here: 1 " in text
    assert '<b class="future-better">0</b> transcoded' in text
    text = said(admin, f"/codecs/trunk/{carrier.pk}/in/", codec="PCMU")
    # From the trunk, and through it: the second offers OPUS alone.
    assert "Of the last 2 calls that it held in: 1 " in text
    assert '<span class="sr"> would become </span> <b>1</b> declined' in text
    # Bob's own list is the platform's; Alice's and the trunk's lists are their own.
    assert "Of the last call that used it: 1 " in said(admin, platform, codec="PCMU")
    Connection.objects.filter(pk=alice.pk).update(force_on_caller=True)
    assert "No call on record" in said(admin, outbound, codec="PCMU")


def test_a_template_counts_the_calls_of_all_who_follow_it(admin: Client) -> None:
    desk = ConnectionTemplate.objects.create(name="Desk phones", inbound_codecs=["PCMU"])
    inbound, outbound = (f"/codecs/template/{desk.pk}/{one}/" for one in ("inbound", "outbound"))
    assert "No call on record has used this list yet" in said(admin, inbound)
    for user in ("alice", "carol"):
        Connection.objects.create(name=user, sip_user=user, template=desk)
    own = Connection.objects.create(name="Bob", sip_user="bob", inbound_codecs=["PCMU"])
    stored(("OPUS", "PCMU"), ("PCMU",))
    stored(("PCMU",), ("PCMU",), destination="connection:carol")
    stored(("OPUS",), ("PCMU",), source="connection:carol", destination="connection:bob")
    text = said(admin, inbound, codec="PCMU", force="1")
    assert "Of the last 2 calls to those who follow Desk phones: 1 " in text
    assert '<b class="future-better">0</b> transcoded' in text
    text = said(admin, outbound, codec="PCMU")
    assert "Of the last call of those who follow Desk phones to connections here: 1 " in text
    assert '<b class="future-worse">1</b> declined' in text
    # Whoever leaves it keeps the list, and it holds in their calls no more.
    Connection.objects.exclude(pk=own.pk).update(template=None)
    assert "No call on record" in said(admin, inbound, codec="PCMU")


def test_a_hundred_calls_are_told_within_50_ms(admin: Client, alice: Connection) -> None:
    plan = {"offered": ["OPUS", "PCMU"], "vn_a": ["OPUS"], "vn_b": ["PCMU"], "waves": ["x" * 3000]}
    now = dt.datetime.now(dt.UTC)
    calls = Call.objects.bulk_create(
        Call(
            source="connection:bob",
            destination="connection:alice",
            plan=plan,
            started=now,
            answered=now,
            ended=now,
            codec_a="OPUS",
            codec_b="PCMU",
        )
        for _ in range(150)
    )
    Leg.objects.bulk_create(
        Leg(call=call, name=name, offered=["PCMU"], codec="PCMU", user_agent=PHONE)
        for call in calls
        for name in "AB"
    )
    Connection.objects.create(name="Bob", sip_user="bob")
    address = f"/codecs/connection/{alice.pk}/inbound/"
    took = []
    for codec in ("PCMU", "PCMU", "PCMU"):
        begun = time.process_time()
        assert "Of the last 100 calls to Alice" in said(admin, address, codec=codec)
        took.append(time.process_time() - begun)
    assert min(took) < 0.05


def test_the_last_ten_changes_can_be_undone(admin: Client, alice: Connection) -> None:
    address = f"/codecs/connection/{alice.pk}/inbound/"

    def save(codecs: list[str], base: str, **more: Any) -> Any:
        typed = {"do": "save", "codec": codecs, "base": base, **more}
        return admin.post(address, typed, headers={"HX-Request": "true"})

    save(["OPUS"], "PCMU")
    response = save(["OPUS", "G722"], "OPUS", force="1")
    text = " ".join(response.content.decode().split())
    assert "Undo what was just saved" in text
    first, second = response.context["changes"]
    assert (first.who, first.before) == ("admin", "OPUS, not forced")
    assert (first.after, second.before) == ("OPUS, G722, forced on the caller", "PCMU, not forced")

    undo = {"do": f"restore:{second.number}", "base": "OPUS,G722;force"}
    response = admin.post(address, undo, headers={"HX-Request": "true"})
    assert "Put back: PCMU, not forced. The next call uses this list." in response.content.decode()
    alice.refresh_from_db()
    assert (alice.inbound_codecs, alice.force_on_caller) == (["PCMU"], False)
    assert len(response.context["changes"]) == 3

    # Somebody was faster, or it is no change of this list.
    save(["G722"], "PCMU")
    assert admin.post(address, undo).status_code == HTTPStatus.CONFLICT
    save(["PCMU"], "G722")
    other = {"do": "restore:999999", "base": "PCMU"}
    assert admin.post(address, other).status_code == HTTPStatus.CONFLICT
    for turn in range(12):
        save([["OPUS"], ["PCMU"]][turn % 2], [["PCMU"], ["OPUS"]][turn % 2][0])
    assert len(admin.get(address).context["changes"]) == 10

    row = PlatformSettings.objects.create()
    admin.post("/settings/codecs/", {"do": "save", "codec": ["PCMU"], "base": ""})
    (change,) = admin.get("/settings/codecs/").context["changes"]
    admin.post("/settings/codecs/", {"do": f"restore:{change.number}", "base": "PCMU"})
    row.refresh_from_db()
    assert row.codecs == []
