"""Two people, or a person and an engine, at the rows of one template: none waits for the other."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection, transaction

from audiocodecs.arranging import StoredList
from audiocodecs.services import ListFields, save_codec_list
from connections.models import Connection
from connections.services import change_many
from connections.templates import ConnectionTemplate, lock_templates
from provisioning.apply import provision
from tests.callengine.record.conftest import postgres, server  # noqa: F401
from tests.peers import services

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not services.available(), reason="needs Debian's postgresql"),
]
FILE = """
connections:
  - {sip_user: zoe, name: Zoe of sales, template: Desk phones}
  - {sip_user: cy, name: Cy, template: Desk phones}
"""
INBOUND = ListFields(ConnectionTemplate, "inbound_codecs", "force_on_caller")


def begun(work: Callable[[], None]) -> Future[None]:
    """Begin work on a thread, and return what comes of it once it waits for a lock."""

    def run() -> None:
        with closing(connection):
            work()

    pool = ThreadPoolExecutor(1)
    done = pool.submit(run)
    pool.shutdown(wait=False)
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return done
            assert time.monotonic() < deadline, "it waits for nobody"
            time.sleep(0.01)


def arranged() -> None:
    """Save a template's list as its page does."""
    desk = ConnectionTemplate.objects.get()
    wanted = StoredList(("PCMA",), force=False)
    save_codec_list(fields=INBOUND, pk=desk.pk, wanted=wanted, base=INBOUND.read(desk))


def all_follow() -> None:
    """Have all connections follow, as many at once are had to."""
    keys = list(Connection.objects.values_list("pk", flat=True))
    change_many(
        keys=keys,
        field="template",
        value=ConnectionTemplate.objects.get(),
        seen="",
        mark=lambda _: "",
    )


def provisioned() -> None:
    provision(text=FILE, file="x.yaml")


def deleted() -> None:
    ConnectionTemplate.objects.get().delete()


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> dict[str, Connection]:
    request.getfixturevalue("postgres")
    desk = ConnectionTemplate.objects.create(name="Desk phones", inbound_codecs=["G722"])
    rows = {
        name: Connection.objects.create(name=name, sip_user=name, template=template)
        for name, template in (("zoe", desk), ("ben", desk), ("cy", None))
    }
    # With that it comes behind the others, in the table and in each index.
    Connection.objects.filter(pk=rows["zoe"].pk).update(sip_user="zoe.")
    Connection.objects.filter(pk=rows["zoe"].pk).update(sip_user="zoe")
    return rows


@pytest.mark.parametrize("work", [arranged, all_follow])
def test_what_is_done_to_those_who_follow_locks_them_as_registrations_do(
    rows: dict[str, Connection], work: Callable[[], None]
) -> None:
    """An engine stores the bindings of many phones at once, by their keys."""
    locked = Connection.objects.select_for_update(no_key=True)
    with transaction.atomic():
        locked.get(pk=rows["zoe"].pk)
        done = begun(work)
        locked.get(pk=rows["ben"].pk)
    done.result(30)


@pytest.mark.parametrize("work", [all_follow, provisioned, deleted])
def test_a_template_is_locked_before_those_who_follow_it(
    rows: dict[str, Connection], work: Callable[[], None]
) -> None:
    with transaction.atomic():
        lock_templates()
        done = begun(work)
        arranged()
    done.result(30)
    for row in rows.values():
        row.refresh_from_db()
    lists = {row.sip_user: row.inbound_codecs for row in rows.values()}
    assert (lists["zoe"], lists["ben"]) == (["PCMA"], ["PCMA"])
    assert lists["cy"] == ([] if work is deleted else ["PCMA"])
