"""An engine's memory of the directory: right after any change, whoever made it."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from audiocodecs.models import PlatformSettings
from callengine.core.directory import Platform
from callengine.directory import current, lookup, memory, triggers
from callengine.directory.current import Directory
from callengine.directory.memory import Changed, Memory
from callengine.directory.news import (
    EVERYTHING,
    LostError,
    PostgresNews,
    SqliteNews,
    TableChange,
    news,
)
from callengine.directory.records import Kept, TargetRow
from callengine.directory.registrations import Registrations
from callengine.directory.stored import STORED
from callengine.edge.interface import Binding
from connections.models import Connection, Registration
from connections.services import set_password, store_registrations
from tests.callengine.directory.test_agents import agent
from tests.peers.waiting import until
from trunks.models import (
    Gateway,
    GatewayTarget,
    Number,
    Route,
    RouteTrunk,
    Trunk,
    TrunkRegistration,
)

pytestmark = pytest.mark.thorough


class Told:
    """What triggers tell, brought into a memory of the directory."""

    def __init__(self) -> None:
        triggers.install()
        self.news = news()
        self.news.open()
        self.memory = Memory(Registrations(node="here"))
        self.kinds: set[str] = set()
        self.read([EVERYTHING])

    def follow(self) -> None:
        changes = self.news.drain()
        assert changes
        self.kinds = {change.kind for change in changes}
        self.read(changes)

    def read(self, changes: list[TableChange]) -> None:
        changed: dict[str, Any] = {}
        for kind, key, _ in changes:
            changed.setdefault(kind, set()).add(key)
        if "all" in changed:
            changed = dict.fromkeys(memory.KINDS)
        self.memory.reading_begins()
        self.memory.apply(current._rows(changed))

    def is_right(self) -> None:
        """Hold what the memory says against what the database says."""
        store = self.memory
        for name in ("alice", "bob", "100", "+4420", "+7", "carrier", "carrier-in", "support"):
            assert lookup.destination(name, store) == lookup.destination(name)
            assert store.connection(name) == STORED.connection(name)
            assert store.trunk_by_username(name) == STORED.trunk_by_username(name)
            assert lookup.trunk(name, store) == lookup.trunk(name)
            assert lookup.connection(name, store) == lookup.connection(name)
            assert lookup.agent(name, store) == lookup.agent(name)
            assert lookup.registered_trunk(name, store) == lookup.registered_trunk(name)
        assert lookup.platform(store) == lookup.platform()
        assert list(store.trunks()) == list(lookup.trunks())
        for row in Connection.objects.all():
            caller = lookup.source(kind="connection", name=row.sip_user, address="")
            for claimed in ("100", "+4420", "anonymous", row.sip_user):
                known = lookup.known_names(caller, claimed, store)
                assert known == lookup.known_names(caller, claimed)


@pytest.fixture
def told(transactional_db: None) -> Iterator[Told]:
    told = Told()
    yield told
    told.news.close()


def sql(text: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(text)

    return run


def test_no_change_is_missed_whoever_makes_it(told: Told) -> None:
    soon = timezone.now() + dt.timedelta(hours=1)
    alice = Connection(name="Alice", sip_user="alice")
    set_password(connection=alice, password="pw")
    carrier = Trunk(name="carrier", in_username="carrier-in", out_password="secret")
    gateway = Gateway(trunk=carrier, uri="sip:192.0.2.1")
    changes: list[tuple[str, Callable[[], object]]] = [
        ("connection", alice.save),
        ("connection", lambda: Connection.objects.bulk_create([Connection(sip_user="bob")])),
        ("connection", lambda: Connection.objects.update(inbound_codecs=["G722"])),
        ("connection", sql("UPDATE connections_connection SET name = 'By hand'")),
        ("number", lambda: Number.objects.create(number="100", connection=alice)),
        ("number", lambda: Number.objects.bulk_create([Number(number="+4420", connection=alice)])),
        ("number", lambda: Number.objects.filter(number="100").update(number="+7")),
        ("trunk", carrier.save),
        ("trunk", lambda: Gateway.objects.bulk_create([gateway])),
        (
            "gateway",
            lambda: GatewayTarget.objects.create(
                gateway=gateway, target="x", is_up=False, since=soon, holds_until=soon
            ),
        ),
        ("gateway", lambda: GatewayTarget.objects.update(is_up=True)),
        (
            "trunk",
            lambda: TrunkRegistration.objects.create(
                trunk=carrier, contact_user="+4420", since=soon, state="registered"
            ),
        ),
        ("trunk", lambda: Trunk.objects.update(registers=True, register_user="we")),
        ("agent", lambda: agent("support", fallback="number:+7")),
        ("route", lambda: Route.objects.create(prefix="+4")),
        ("route", lambda: RouteTrunk.objects.create(route=Route.objects.get(), trunk=carrier)),
        ("number", sql("DELETE FROM trunks_number WHERE number = '+4420'")),
        ("platform", lambda: PlatformSettings.objects.create(codecs=["PCMA"], external_sip=True)),
        ("route", lambda: Route.objects.all().delete()),
        ("gateway", lambda: GatewayTarget.objects.all().delete()),
        ("trunk", lambda: Gateway.objects.all().delete()),
        ("number", lambda: Number.objects.all().delete()),
        ("connection", lambda: Connection.objects.filter(sip_user="alice").delete()),
        ("connection", lambda: Connection.objects.filter(sip_user="bob").update(sip_user="alice")),
    ]
    for kind, change in changes:
        change()
        told.follow()
        assert kind in told.kinds
        told.is_right()
    assert told.news.drain() == []


def test_what_is_heard_of_a_gateway_outlasts_what_was_read_before_it_was_stored(
    told: Told,
) -> None:
    trunk = Trunk.objects.create(name="carrier", in_username="carrier-in")
    gateway = Gateway.objects.create(trunk=trunk, uri="sip:192.0.2.1")
    told.follow()
    soon = timezone.now() + dt.timedelta(hours=1)
    down, up = (TargetRow("udp:192.0.2.1:5060", is_up, soon, None) for is_up in (False, True))

    def known() -> tuple[TargetRow, ...]:
        return told.memory.gateways([trunk.pk])[trunk.pk][0].targets

    told.memory.reading_begins()
    rows = current._rows({"trunk": {trunk.pk}})
    stored = told.memory.stands("carrier", gateway.uri, down)
    told.memory.apply(rows)
    assert known() == (down,)
    told.memory.reading_begins()
    rows = current._rows({"trunk": {trunk.pk}})
    GatewayTarget.objects.create(gateway=gateway, since=soon, **down._asdict())
    stored()
    told.memory.apply(rows)
    assert known() == (down,), "its reading began before it was stored"
    told.follow()
    assert known() == (down,)
    # Another engine has heard of it since.
    GatewayTarget.objects.update(is_up=True)
    told.follow()
    assert known() == (up,)


def test_of_what_is_heard_while_it_is_stored_the_last_stands(told: Told) -> None:
    trunk = Trunk.objects.create(name="carrier", in_username="carrier-in")
    gateway = Gateway.objects.create(trunk=trunk, uri="sip:192.0.2.1")
    told.follow()
    soon = timezone.now() + dt.timedelta(hours=1)
    down, up = (TargetRow("udp:192.0.2.1:5060", is_up, soon, None) for is_up in (False, True))
    first = told.memory.stands("carrier", gateway.uri, down)
    told.memory.stands("carrier", gateway.uri, up)
    GatewayTarget.objects.create(gateway=gateway, since=soon, **down._asdict())
    first()
    told.follow()
    assert told.memory.gateways([trunk.pk])[trunk.pk][0].targets == (up,)


def test_an_engine_that_missed_changes_reads_everything(told: Told) -> None:
    Connection.objects.create(sip_user="alice")
    Connection.objects.create(sip_user="bob")
    # As if more had come than are kept.
    sql(f"DELETE FROM {triggers.TABLE} WHERE id < (SELECT max(id) FROM {triggers.TABLE})")()
    assert told.news.drain() == [EVERYTHING]
    Connection.objects.update(name="Both")
    assert {change.kind for change in told.news.drain()} == {"connection"}


def test_triggers_that_are_gone_are_told_and_not_passed_over(told: Told) -> None:
    triggers.remove()
    with pytest.raises(LostError, match=r"manage\.py migrate"):
        SqliteNews().open()
    triggers.install()
    SqliteNews().open()


def test_an_engine_hears_of_its_bindings_only_what_others_have_made_of_them(told: Told) -> None:
    engine = Registrations(node="here")
    key = Connection.objects.create(name="Alice", sip_user="alice").pk
    binding = Binding("sip:a", "c", 1, time.time() + 60, "udp:127.0.0.1:5071", "ua")

    def heard() -> bool:
        return any(one.kind == "registration" and not one.node for one in told.news.drain())

    for cseq in (1, 2):
        engine.change(key, lambda _, cseq=cseq: [replace(binding, cseq=cseq)])  # type: ignore[misc]
        store_registrations(engine.take_unwritten())
        assert not heard()
    Registration.objects.update(expires_at=timezone.now())
    assert heard()
    Registration.objects.all().delete()
    assert heard()


class Feed:
    """News that a test makes."""

    def __init__(self) -> None:
        self.changes: list[TableChange] = []
        self.error: LostError | None = None

    def open(self) -> None:
        self.check()

    def drain(self) -> list[TableChange]:
        self.check()
        changes, self.changes = self.changes, []
        return changes

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Nothing is open."""


class Site:
    """A directory whose rows are the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.feed = Feed()
        self.home = "GB"
        self.reads = 0
        self.begun: list[int] = []
        "How often was read as each reading began."
        monkeypatch.setattr(current, "_rows", self.rows)
        monkeypatch.setattr(current, "_registrations", lambda _: [])
        self.directory = Directory(self.read, node="here", feed=lambda: self.feed)
        begins = self.directory.memory.reading_begins
        monkeypatch.setattr(
            self.directory.memory,
            "reading_begins",
            lambda: (self.begun.append(self.reads), begins()),
        )

    def rows(self, changed: dict[str, Any]) -> list[Changed]:
        self.reads += 1
        return [Changed("platform", None, {0: Platform((), home_country=self.home)})]

    async def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        found = function(*arguments)
        await asyncio.sleep(0)
        return found

    async def asked(self) -> str:
        return (await self.directory.ask(lookup.platform)).home_country


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


async def test_a_change_holds_for_who_asks_next_and_costs_one_reading(site: Site) -> None:
    await site.directory.start()
    assert await site.asked() == "GB"
    site.home, site.feed.changes = "FR", [TableChange("platform", 1)]
    assert await asyncio.gather(*(site.asked() for _ in range(20))) == ["FR"] * 20
    assert site.reads == 2
    assert site.begun == [0, 1], "told of each reading before it"
    await site.directory.stop()


async def test_a_binding_that_a_person_took_away_is_not_rung_by_the_next_call(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.directory.start()
    registrations = site.directory.registrations
    binding = Binding("sip:a", "c", 1, time.time() + 60, "udp:127.0.0.1:5071", "ua")
    for key in (7, 8):
        registrations.take([key], [(key, Kept(binding, 0.0, 0.0))])
    asked: list[Any] = []
    monkeypatch.setattr(current, "_registrations", lambda keys: asked.append(keys) or [])
    site.feed.changes = [
        TableChange("registration", 7),
        TableChange("registration", 8, "there"),
        TableChange("registration", 9),
    ]
    await site.asked()
    assert asked == [{7}], "what other engines write, and what is known of no phone, can wait"
    assert not registrations.kept(7)
    await site.directory.stop()


async def test_bindings_that_cannot_be_stored_have_nothing_read_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A table of 100,000 connections would be, each half second while another writer goes on."""
    monkeypatch.setattr(current, "LOOK_S", 0.01)
    monkeypatch.setattr(current, "WRITE_S", 0.01)
    failures = [OperationalError("database is locked")] * 3

    def store(_: Any) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(current, "store_registrations", store)
    await site.directory.start()
    binding = Binding("sip:a", "c", 1, time.time() + 60, "udp:127.0.0.1:5071", "ua")
    site.directory.registrations.change(7, lambda _: [binding])
    site.directory._unwritten.set()
    await until(lambda: "bindings are stored again" in caplog.text, "it is not stored")
    assert caplog.text.count("bindings cannot be stored") == 1
    assert site.reads == 1
    await site.directory.stop()


async def test_while_the_database_is_away_what_is_known_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "LOOK_S", 0.01)
    await site.directory.start()
    site.home, site.feed.error = "FR", LostError("it is away")
    assert await site.asked() == "GB"
    assert caplog.text.count("Calls go on with what is known") == 1
    site.feed.error = None
    platform = site.directory.memory.platform
    await until(lambda: platform().home_country == "FR", "it is not read anew")
    await site.directory.stop()


def test_notifications_name_what_has_changed() -> None:
    class Connected:
        def __init__(self) -> None:
            self.told = [b"connection:7:", b"registration:8:node:1", b"hello:0", b"all:0", b"x:y:"]

        def notifies(self) -> Any:
            return type("Notify", (), {"extra": self.told.pop(0)}) if self.told else None

    heard = list(PostgresNews()._heard(Connected()))
    assert heard == [
        TableChange("connection", 7),
        TableChange("registration", 8, "node:1"),
        TableChange("all", 0),
    ]
