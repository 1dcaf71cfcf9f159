"""Templates of connections in the pages: made, arranged, followed, left, deleted."""

import pytest
from django.test import Client

from connections.models import Connection
from connections.templates import ConnectionTemplate
from tests.dashboard.subscribers import shown, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> ConnectionTemplate:
    return ConnectionTemplate.objects.create(
        name="Desk phones", inbound_codecs=["G722"], outbound_codecs=["OPUS"]
    )


@pytest.fixture
def ann(desk: ConnectionTemplate) -> Connection:
    return Connection.objects.create(name="Ann", sip_user="ann", template=desk)


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return str(response.content.decode())


def test_a_template_is_made_and_its_list_saved_for_all_who_follow(admin: Client) -> None:
    assert "No template yet" in page(admin, "/connections/templates/")
    made = admin.post("/connections/templates/add/", {"name": "Desk phones"})
    desk = ConnectionTemplate.objects.get()
    assert made["Location"] == f"/connections/templates/{desk.pk}/"
    again = admin.post("/connections/templates/add/", {"name": "Desk phones"})
    assert again.status_code == 422
    assert "Another template is called so already" in again.content.decode()
    odd = admin.post("/connections/templates/add/", {"name": "Desk\nphones"})
    assert odd.status_code == 422
    assert "1 to 100 characters on one line" in odd.content.decode()
    ann = Connection.objects.create(name="Ann", sip_user="ann", template=desk)

    saved = {"do": "save", "codec": ["PCMA", "G722"], "base": "", "force": "on"}
    admin.post(f"/codecs/template/{desk.pk}/inbound/", saved)
    ann.refresh_from_db()
    assert (ann.inbound_codecs, ann.force_on_caller) == (["PCMA", "G722"], True)
    assert "1 connection follows it" in page(admin, f"/connections/templates/{desk.pk}/")
    assert "Ann" in page(admin, f"/connections/templates/{desk.pk}/?tab=followers")
    assert "1 connection<" in page(admin, "/connections/templates/")


def test_a_change_of_a_template_has_a_way_back(admin: Client, ann: Connection) -> None:
    desk = ann.template
    assert desk is not None
    path = f"/codecs/template/{desk.pk}/outbound/"
    admin.post(path, {"do": "save", "codec": ["PCMA"], "base": "OPUS"})
    response = admin.get(path)
    (change,) = response.context["changes"]
    assert (change.before, change.after) == ("OPUS", "PCMA")
    admin.post(path, {"do": f"restore:{change.number}", "codec": ["PCMA"], "base": "PCMA"})
    ann.refresh_from_db()
    assert ann.outbound_codecs == ["OPUS"]


def test_who_leaves_a_template_has_a_way_back_to_what_was_forced_before(
    admin: Client, desk: ConnectionTemplate
) -> None:
    """The template forced its list as well, then no more: what came after told of what was before.

    The way back had the list of then, not forced.
    """
    ben = Connection.objects.create(
        name="Ben", sip_user="ben", inbound_codecs=["PCMA"], force_on_caller=True
    )
    desk.force_on_caller = True
    desk.save()
    ben.template = desk
    ben.save()
    desk.force_on_caller = False
    desk.save()
    ben.refresh_from_db()
    ben.template = None
    ben.save()
    path = f"/codecs/connection/{ben.pk}/inbound/"
    admin.post(path, {"do": "save", "codec": ["PCMU"], "base": "G722"})
    own, follows = admin.get(path).context["changes"]
    assert (own.before, own.after) == ("G722, not forced", "PCMU, not forced")
    assert (follows.before, follows.after) == (
        "PCMA, forced on the caller",
        "G722, forced on the caller",
    )
    admin.post(path, {"do": f"restore:{follows.number}", "codec": ["PCMU"], "base": "PCMU"})
    ben.refresh_from_db()
    assert (ben.inbound_codecs, ben.force_on_caller) == (["PCMA"], True)


def test_a_followers_list_is_shown_and_not_arranged(admin: Client, ann: Connection) -> None:
    text = page(admin, url(ann))
    assert f'<a href="/connections/templates/{ann.template_id}/">Desk phones</a>' in text
    assert 'value="save"' not in text
    path = f"/codecs/connection/{ann.pk}/inbound/"
    refused = admin.post(path, {"do": "save", "codec": ["PCMA"], "base": "G722"})
    assert refused.status_code == 409
    assert "it follows the template Desk phones" in refused.content.decode()
    ann.refresh_from_db()
    assert ann.inbound_codecs == ["G722"]


def test_settings_have_a_connection_follow_and_leave(admin: Client, ann: Connection) -> None:
    form = shown(admin, ann)
    assert form["template"] == "Desk phones"
    admin.post(url(ann), {**form, "template": ""})
    ann.refresh_from_db()
    assert (ann.template, ann.inbound_codecs, ann.outbound_codecs) == (None, ["G722"], ["OPUS"])
    admin.post(url(ann), {**shown(admin, ann), "template": "Desk phones"})
    ann.refresh_from_db()
    assert ann.template is not None


def test_many_follow_at_once_and_are_given_no_list_then(
    admin: Client, desk: ConnectionTemplate
) -> None:
    rows = [Connection.objects.create(name=name, sip_user=name) for name in ("ben", "eve")]
    ask = {"chosen": [str(row.pk) for row in rows], "action": "follow"}
    seen = admin.post("/connections/bulk/", ask).context["seen"]
    send = {**ask, "confirmed": "1", "seen": seen, "template": str(desk.pk)}
    assert admin.post("/connections/bulk/", {**send, "template": "99"}).status_code == 422
    admin.post("/connections/bulk/", send)
    assert [row.inbound_codecs for row in desk.connections.all()] == [["G722"]] * 2
    said = admin.post("/connections/bulk/", {**ask, "action": "inbound"}, follow=True)
    assert "Not begun: 2 of them follow a template" in said.content.decode()
    seen = admin.post("/connections/bulk/", ask).context["seen"]
    admin.post("/connections/bulk/", {**send, "seen": seen, "template": ""})
    assert desk.connections.count() == 0
    assert Connection.objects.get(sip_user="ben").inbound_codecs == ["G722"]


def test_a_template_is_renamed_and_deleted_by_who_may(
    admin: Client, viewer: Client, ann: Connection
) -> None:
    path = f"/connections/templates/{ann.template_id}/"
    assert viewer.post(path, {"name": "x"}).status_code == 403
    admin.post(path, {"name": "Desks"})
    assert "Desks" in page(viewer, path)
    assert admin.post(path, {"name": ""}).status_code == 422
    assert "1 connection follows it and keeps its lists" in page(admin, f"{path}delete/")
    admin.post(f"{path}delete/")
    ann.refresh_from_db()
    assert (ann.template, ann.inbound_codecs) == (None, ["G722"])
