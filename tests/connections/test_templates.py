"""Templates: whoever saves what, those who follow one have its lists, and who leaves keeps them."""

from typing import Any

import pytest

from audit.models import AuditEntry
from callengine.directory import lookup, triggers
from callengine.directory.news import news
from connections.models import Connection
from connections.services import change_many
from connections.templates import LIST_FIELDS, ConnectionTemplate
from sip.revisions import ConflictError

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> ConnectionTemplate:
    return ConnectionTemplate.objects.create(
        name="Desk phones", inbound_codecs=["G722", "PCMU"], force_on_caller=True
    )


def follower(desk: ConnectionTemplate | None, user: str = "ann") -> Connection:
    return Connection.objects.create(name=user, sip_user=user, template=desk)


def lists(row: Connection) -> tuple[Any, ...]:
    row.refresh_from_db()
    return tuple(getattr(row, name) for name in LIST_FIELDS)


def test_who_follows_has_the_lists_from_the_first_moment(desk: ConnectionTemplate) -> None:
    assert lists(follower(desk)) == (["G722", "PCMU"], True, [])
    ben = follower(None, "ben")
    ben.template = desk
    ben.save(update_fields=["template"])
    assert lists(ben) == (["G722", "PCMU"], True, [])


def test_a_template_that_changes_gives_its_lists_to_all_who_follow_it_and_nobody_else(
    desk: ConnectionTemplate,
) -> None:
    ann, ben, eve = follower(desk), follower(desk, "ben"), follower(None, "eve")
    desk.inbound_codecs, desk.outbound_codecs = ["PCMA"], ["OPUS"]
    desk.save(update_fields=["inbound_codecs", "outbound_codecs"])
    assert lists(ann) == lists(ben) == (["PCMA"], True, ["OPUS"])
    assert lists(eve) == ([], False, [])
    desk.name = "Desks"
    desk.save(update_fields=["name"])
    changes = AuditEntry.objects.filter(changes__has_key="inbound_codecs", action="changed")
    assert [entry.name for entry in changes] == ["Desk phones"]


def test_nothing_saved_of_a_follower_gives_it_lists_of_its_own(desk: ConnectionTemplate) -> None:
    ann = follower(desk)
    ann.inbound_codecs, ann.force_on_caller = ["OPUS"], False
    ann.save(update_fields=["inbound_codecs"])
    ann.save()
    assert lists(ann) == (["G722", "PCMU"], True, [])


def test_who_leaves_keeps_the_lists_as_its_own(desk: ConnectionTemplate) -> None:
    ann, ben = follower(desk), follower(desk, "ben")
    ann.template = None
    ann.save(update_fields=["template"])
    desk.inbound_codecs = ["PCMA"]
    desk.save()
    assert lists(ann) == (["G722", "PCMU"], True, [])
    desk.delete()
    assert lists(ben) == (["PCMA"], True, [])
    assert ben.template is None


@pytest.mark.django_db(transaction=True)
def test_engines_are_told_of_everyone_whose_lists_a_template_changes(
    desk: ConnectionTemplate,
) -> None:
    ann, ben, _ = follower(desk), follower(desk, "ben"), follower(None, "eve")
    triggers.install()
    told = news()
    told.open()
    try:
        desk.inbound_codecs = ["PCMA"]
        desk.save(update_fields=["inbound_codecs"])
        changed = {(one.kind, one.key) for one in told.drain()}
        assert changed == {("connection", ann.pk), ("connection", ben.pk)}
        entry = lookup.connection("ann")
        assert entry is not None
        assert (entry.inbound_codecs, entry.force_on_caller) == (("PCMA",), True)
    finally:
        told.close()


def test_many_do_not_follow_a_template_that_was_deleted_meanwhile(desk: ConnectionTemplate) -> None:
    ann = follower(None)
    ConnectionTemplate.objects.all().delete()
    with pytest.raises(ConflictError, match="somebody deleted the template Desk phones"):
        change_many(keys=[ann.pk], field="template", value=desk, seen="", mark=lambda _: "")
