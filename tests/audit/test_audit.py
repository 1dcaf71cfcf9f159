"""The audit log: whatever changes something writes it down, with no secret, and nobody rewrites."""

import csv
import io
import json
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import AsyncClient, Client
from django.urls import reverse

from agents.models import VoiceAgent
from agents.services import patch_agent, set_secret
from api.keys.scopes import Scope
from api.keys.services import make_key, revoke_key
from audiocodecs.models import PlatformSettings
from audit.models import AuditEntry
from connections import services as connection_services
from connections.models import Connection
from dashboard.accounts.roles import Role
from dashboard.accounts.services import add_user, change_user, set_user_password
from provisioning.apply import provision
from tests.dashboard import record
from tests.dashboard.people import browser_of, person
from trunks import services as trunk_services
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

SECRET = "tr0ub4dor-and-three"
pytestmark = pytest.mark.django_db


def last() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def values(entry: AuditEntry) -> dict[str, tuple[Any, Any]]:
    return {name: (one.get("before"), one.get("after")) for name, one in entry.changes.items()}


def test_a_page_writes_who_did_what_from_where(admin: Client) -> None:
    alice = Connection.objects.create(name="Alice", sip_user="alice", inbound_codecs=["G722"])
    typed = {"do": "save", "codec": ["PCMU", "G722"], "base": "G722"}
    admin.post(f"/codecs/connection/{alice.pk}/inbound/", typed, REMOTE_ADDR="203.0.113.9")
    entry = last()
    assert (entry.actor, entry.actor_kind, entry.via) == ("admin", "person", "pages")
    assert entry.address == "203.0.113.9"
    assert (entry.action, entry.kind, entry.name) == (
        "changed",
        "connections.connection",
        "Alice (alice)",
    )
    assert values(entry) == {"inbound_codecs": (["G722"], ["PCMU", "G722"])}
    admin.post(reverse("connection-delete", args=[alice.pk]))
    assert (last().action, last().name) == ("deleted", "Alice (alice)")


def test_services_write_whichever_way_they_store() -> None:
    alice, _ = connection_services.add_connection(name="Alice", sip_user="alice", password=SECRET)
    assert (last().action, last().actor_kind) == ("created", "command")
    assert last().changes["password"] == {"label": "password", "secret": True}
    connection_services.set_enabled(pk=alice.pk, enabled=False)
    assert values(last()) == {"enabled": (True, False)}
    count = AuditEntry.objects.count()
    connection_services.set_enabled(pk=alice.pk, enabled=False)
    assert AuditEntry.objects.count() == count

    trunk = Trunk.objects.create(name="carrier-one", out_username="us", out_password=SECRET)
    first = trunk_services.add_gateway(trunk=trunk, uri="sip:203.0.113.5")
    second = trunk_services.add_gateway(trunk=trunk, uri="sip:203.0.113.6")
    order = [second.pk, first.pk]
    trunk_services.order_gateways(trunk=trunk, based_on=order[::-1], order=order)
    assert values(last()) == {
        "gateways": (
            ["sip:203.0.113.5 (priority 1, weight 1)", "sip:203.0.113.6 (priority 2, weight 1)"],
            ["sip:203.0.113.6 (priority 1, weight 1)", "sip:203.0.113.5 (priority 2, weight 1)"],
        )
    }
    trunk_services.change_gateway(trunk=trunk, gateway_id=first.pk, priority=7, weight=3)
    assert "sip:203.0.113.5 (priority 7, weight 3)" in values(last())["gateways"][1]
    Gateway.objects.get(pk=first.pk).delete()  # as the admin's page does
    assert (last().kind, last().note) == ("trunks.trunk", "deleted gateway sip:203.0.113.5")

    route = trunk_services.create_route(route=Route(prefix="+44"), trunk=trunk)
    assert values(last()) == {"trunks": ([], ["carrier-one"])}
    Number.objects.create(number="+12025550100", trunk=trunk)
    assert values(last()) == {"number": (None, "+12025550100"), "trunk": (None, "carrier-one")}
    route.delete()
    assert last().action == "deleted"
    assert not RouteTrunk.objects.exists()

    agent = VoiceAgent.objects.create(
        name="support", dialect="assemblyai", url="wss://a.example", system_prompt="Help."
    )
    set_secret(pk=agent.pk, secret=SECRET)
    tool = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    http = {"url": "https://a.example/look", "headers": {"Authorization": SECRET}}
    patch_agent(pk=agent.pk, changes={"tools": [{**tool, "http": http}]})
    assert last().changes["tools"]["after"][0]["http"]["headers"] == {"Authorization": "***"}

    user = add_user(username="vera", password=SECRET, role=Role.VIEWER)
    change_user(user=user, role=Role.OPERATOR, is_active=True)
    assert values(last()) == {"role": ("viewer", "operator")}
    set_user_password(user=user, password=f"{SECRET}-again")
    assert last().changes == {"password": {"label": "password", "secret": True}}

    key, text = make_key(owner=user, name="CRM", scopes=[Scope.AGENTS_READ], expires_at=None)
    revoke_key(pk=key.pk)
    assert (last().name, "revoked_at" in last().changes) == (str(key), True)

    PlatformSettings.objects.update_or_create(pk=1, defaults={"external_sip": True})
    assert values(last()) == {"external_sip": (None, True)}
    everything = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert SECRET not in everything
    assert text not in everything
    assert user.password not in everything


def test_a_file_is_named_and_a_dry_run_leaves_no_trace() -> None:
    text = "connections:\n  - sip_user: bob\n    name: Bob\n    password: a-good-password\n"
    provision(text=text, file="office.yaml", dry_run=True)
    assert not AuditEntry.objects.exists()
    provision(text=text, file="office.yaml")
    assert (last().actor, last().actor_kind, last().name) == ("office.yaml", "file", "Bob (bob)")
    assert "a-good-password" not in json.dumps(last().changes)
    trunks = "trunks:\n  - name: one\n    in: {username: %s, password: a-good-password}\n"
    provision(text=trunks % "ann", file="office.yaml")
    provision(text=trunks % "eve", file="office.yaml")
    assert values(last())["in_username"] == ("ann", "eve")


def test_what_changes_no_row_is_written_too() -> None:
    operator = browser_of(Role.OPERATOR)
    call = record.call("in-progress")
    operator.post(reverse("hang-up", args=[call.pk]))
    assert (last().actor, last().note, last().name) == (
        "operator",
        "hung up",
        "+12025550100 to alice",
    )
    person(Role.VIEWER)
    client = Client()
    client.post(reverse("login"), {"username": "viewer", "password": "correct horse"})
    assert (last().actor, last().note) == ("viewer", "signed in")
    client.post(reverse("logout"))
    assert (last().actor, last().note) == ("viewer", "signed out")


@pytest.mark.parametrize("word", ["update", "delete"])
def test_the_database_refuses_to_rewrite_it(word: str) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    rows = AuditEntry.objects.all()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(actor="nobody") if word == "update" else rows.delete()
    assert last().name == "Alice (alice)"


def test_the_page_filters_and_only_admins_see_it(admin: Client) -> None:
    Connection.objects.create(name="=1+1", sip_user="alice")
    trunk = Trunk.objects.create(name="carrier-one")
    trunk_services.set_enabled(trunk=trunk, enabled=False)
    log = reverse("audit-log")
    text = admin.get(log).content.decode()
    assert reverse("trunk", args=[trunk.pk]) in text
    assert "<bdi>yes</bdi></del>" in text
    asked = admin.get(log, {"kind": "trunks.trunk", "action": "changed", "time": "hour"})
    assert [line.entry.name for line in asked.context["lines"]] == ["carrier-one"]
    assert not admin.get(log, {"who": "somebody else"}).context["lines"]
    for role in (Role.OPERATOR, Role.VIEWER):
        other = browser_of(role)
        assert other.get(log).status_code == HTTPStatus.FORBIDDEN
        assert log not in other.get(reverse("settings")).content.decode()


async def test_the_file_holds_what_matches(transactional_db: None) -> None:
    from asgiref.sync import sync_to_async

    def prepared() -> User:
        Connection.objects.create(name="=1+1", sip_user="alice")
        Trunk.objects.create(name="carrier-one")
        return person(Role.ADMIN)

    client = AsyncClient()
    await client.aforce_login(await sync_to_async(prepared)())
    response = await client.get(reverse("audit-export"), {"kind": "connections.connection"})
    text = b"".join([piece async for piece in response.streaming_content]).decode()
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["action"], line["name"]) == ("created", "'=1+1 (alice)")
    assert line["changes"] == "name: nothing -> =1+1; SIP user: nothing -> alice"


def test_a_file_of_what_a_filter_refuses_is_not_made(admin: Client) -> None:
    """It held everything, as if nothing had been asked for."""
    answer = admin.get(reverse("audit-export"), {"kind": "connections.conection"}, follow=True)
    assert answer.redirect_chain == [(f"{reverse('audit-log')}?kind=connections.conection", 302)]
    page = answer.content.decode()
    assert "Not exported. Kind: Select a valid choice." in page
