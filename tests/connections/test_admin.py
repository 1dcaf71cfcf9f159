"""The admin pages of connections, trunks and the record, through the URL."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.services import create_agent
from audiocodecs.models import PlatformSettings
from callengine.models import Call, CallEvent, EngineNode, Leg, Rejection
from connections.models import Connection, Registration
from sip.digest import kept_ha1
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db

INLINE = {
    f"{prefix}-{key}": value
    for prefix in ("registrations", "gateways", "steps")
    for key, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))
}
ALICE = {
    "name": "Alice",
    "sip_user": "alice",
    "password": "correct horse",
    "enabled": "on",
    "inbound_codecs": "g722, PCMU",
    "outbound_codecs": "",
    "address": "",
    "concurrent_calls": "",
    "caller_id": "rewrite",
    "agent_when": "not-registered",
    "international": "none",
    **INLINE,
}
CARRIER = {
    "name": "carrier",
    "enabled": "on",
    "in_allowed_addresses": "203.0.113.0/24, gw.example.org",
    "in_username": "carrier-in",
    "in_password": "in secret",
    "in_codecs": "G722",
    "out_username": "we",
    "new_out_password": "out secret",
    "out_codecs": "PCMU",
    "refer": "decline",
    "probe_interval_s": "60",
    "register_expires_s": "600",
    "in_identity": "from",
    "out_identity": "from",
    "out_diversion": "diversion",
    "international": "none",
    **INLINE,
}


def errors(response) -> dict:
    return response.context["adminform"].form.errors


def test_a_connection_is_made_with_codecs_and_a_digest(admin_client, settings):
    assert admin_client.post("/admin/connections/connection/add/", ALICE).status_code == 302
    alice = Connection.objects.get()
    assert alice.inbound_codecs == ["G722", "PCMU"]
    expected = kept_ha1(
        username="alice", realm=settings.VOIPNUMBER_REALM, password="correct horse"
    )[1:3]
    assert (alice.ha1_md5, alice.ha1_sha256) == expected


def test_an_empty_password_keeps_the_old_one_and_no_page_shows_any(admin_client):
    admin_client.post("/admin/connections/connection/add/", ALICE)
    before = Connection.objects.get()
    url = f"/admin/connections/connection/{before.pk}/change/"
    page = admin_client.get(url).content.decode()
    assert "correct horse" not in page
    assert before.ha1_md5 not in page
    assert admin_client.post(url, {**ALICE, "name": "A.", "password": ""}).status_code == 302
    after = Connection.objects.get()
    assert (after.name, after.ha1_md5) == ("A.", before.ha1_md5)


def test_an_agent_is_chosen_for_a_connection_a_number_and_a_route(admin_client):
    values = {"dialect": "assemblyai", "url": "wss://a.example", "system_prompt": "Hi."}
    support = create_agent(values={"name": "support"} | values)
    trunk = Trunk.objects.create(name="carrier")
    step = {"steps-TOTAL_FORMS": "1", "steps-0-trunk": trunk.pk, "steps-0-position": "0"}
    chosen = {"agent": support.pk, "agent_when": "busy"}
    for url, sent in (
        ("connections/connection", ALICE | chosen),
        ("trunks/number", {"number": "7", "agent": support.pk}),
        ("trunks/route", {"prefix": "+", "last_resort_agent": support.pk, **INLINE, **step}),
    ):
        assert admin_client.post(f"/admin/{url}/add/", sent).status_code == 302
    alice = Connection.objects.get()
    assert (alice.agent, alice.agent_when) == (support, "busy")
    assert (Number.objects.get().agent, Route.objects.get().last_resort_agent) == (support,) * 2
    for url in ("number", "route"):
        assert "support" in admin_client.get(f"/admin/trunks/{url}/").content.decode()
    response = admin_client.post(
        "/admin/trunks/number/add/", {"number": "8", "agent": support.pk, "connection": alice.pk}
    )
    assert "choose one" in str(errors(response))


def test_another_sip_user_needs_the_password_again(admin_client):
    admin_client.post("/admin/connections/connection/add/", ALICE)
    url = f"/admin/connections/connection/{Connection.objects.get().pk}/change/"
    response = admin_client.post(url, {**ALICE, "sip_user": "alicia", "password": ""})
    assert "password" in errors(response)
    assert Connection.objects.get().sip_user == "alice"


def test_an_unknown_codec_is_said_at_its_field(admin_client):
    response = admin_client.post(
        "/admin/connections/connection/add/", {**ALICE, "inbound_codecs": "G722, G723"}
    )
    assert "'G723' is not a codec known here" in errors(response)["inbound_codecs"][0]
    assert not Connection.objects.exists()


def test_registrations_are_shown_with_agent_contact_source_and_expiry(admin_client):
    alice = Connection.objects.create(name="A", sip_user="alice")
    Registration.objects.create(
        connection=alice,
        contact="sip:alice@10.0.0.5:5062",
        call_id="c",
        cseq=1,
        expires_at=timezone.now() + timedelta(hours=1),
        flow="udp:198.51.100.4:40000",
        user_agent="Phone/1.0",
        registered_at=timezone.now(),
    )
    page = admin_client.get(f"/admin/connections/connection/{alice.pk}/change/").content.decode()
    for text in ("Phone/1.0", "sip:alice@10.0.0.5:5062", "udp:198.51.100.4:40000"):
        assert text in page


def test_a_trunk_is_made_with_both_passwords_kept_safe(admin_client):
    assert admin_client.post("/admin/trunks/trunk/add/", CARRIER).status_code == 302
    trunk = Trunk.objects.get()
    assert trunk.in_allowed_addresses == ["203.0.113.0/24", "gw.example.org"]
    assert trunk.in_ha1_md5
    assert trunk.out_password == "out secret"
    page = admin_client.get(f"/admin/trunks/trunk/{trunk.pk}/change/").content.decode()
    assert "secret" not in page.replace("in_secret", "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"in_allowed_addresses": "203.0.113.1/24"}, "in_allowed_addresses"),
        ({"in_password": ""}, "in_password"),
        ({"in_username": ""}, "in_username"),
        ({"out_username": ""}, "out_username"),
    ],
)
def test_a_wrong_trunk_is_said_at_its_field(admin_client, changes, field):
    response = admin_client.post("/admin/trunks/trunk/add/", {**CARRIER, **changes})
    assert field in errors(response)
    assert not Trunk.objects.exists()


def test_taking_the_user_names_away_takes_the_passwords_away(admin_client):
    admin_client.post("/admin/trunks/trunk/add/", CARRIER)
    url = f"/admin/trunks/trunk/{Trunk.objects.get().pk}/change/"
    gone = dict.fromkeys(("in_username", "in_password", "out_username", "new_out_password"), "")
    assert admin_client.post(url, {**CARRIER, **gone}).status_code == 302
    trunk = Trunk.objects.get()
    assert (trunk.in_ha1_md5, trunk.in_ha1_realm, trunk.out_password) == ("", "", "")


def test_a_number_goes_to_exactly_one_place(admin_client):
    alice = Connection.objects.create(name="A", sip_user="alice")
    response = admin_client.post(
        "/admin/trunks/number/add/", {"number": "+1", "connection": "", "trunk": ""}
    )
    assert "choose one" in str(errors(response))
    form = {"number": "+1", "connection": alice.pk, "trunk": ""}
    assert admin_client.post("/admin/trunks/number/add/", form).status_code == 302
    assert Number.objects.get().connection == alice


def test_every_admin_page_opens(admin_client):
    now = timezone.now()
    PlatformSettings.objects.create()
    trunk = Trunk.objects.create(name="t")
    Gateway.objects.create(trunk=trunk, uri="sip:192.0.2.1")
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+44"), trunk=trunk)
    Number.objects.create(number="1", trunk=trunk)
    Connection.objects.create(name="A", sip_user="alice")
    call = Call.objects.create(started=now, source="external:1.2.3.4")
    Leg.objects.create(call=call, name="A")
    CallEvent.objects.create(call=call, at=now, kind="k", text="t")
    Rejection.objects.create(at=now, source_address="1.2.3.4", method="INVITE", code=403, rule="r")
    EngineNode.objects.create(name="n", started=now, seen=now)
    for app, names in {
        "audiocodecs": ("platformsettings",),
        "connections": ("connection",),
        "trunks": ("trunk", "number", "route"),
        "callengine": ("call", "rejection", "enginenode"),
    }.items():
        for name in names:
            url = f"/admin/{app}/{name}/"
            page = admin_client.get(url)
            assert page.status_code == 200
            row = page.context["cl"].result_list[0]
            assert admin_client.get(f"{url}{row.pk}/change/").status_code == 200


def test_records_cannot_be_written_by_hand(admin_client):
    assert admin_client.get("/admin/callengine/call/add/").status_code == 403
