"""Bindings decided in an engine's memory and stored behind: by one engine, and by two."""

import time
from collections.abc import Callable

import pytest

from callengine.directory import rows
from callengine.directory.registrations import Registrations
from callengine.edge.interface import Binding
from connections.models import Connection, Registration
from connections.services import store_registrations

pytestmark = pytest.mark.django_db
BEGAN = time.time()


class Engine:
    """One engine, whose clock the test moves."""

    def __init__(self, node: str = "one") -> None:
        self.now = BEGAN
        self.kept = Registrations(node=node, now=lambda: self.now)
        self.key = Connection.objects.get_or_create(name="Alice", sip_user="alice")[0].pk

    def become(self, *bindings: Binding) -> None:
        self.kept.change(self.key, lambda _: list(bindings))

    def store(self) -> None:
        store_registrations(self.kept.take_unwritten())

    def read(self) -> None:
        self.kept.take([self.key], rows.registrations([self.key]))

    def contacts(self) -> list[str]:
        return [one.binding.contact for one in self.kept.kept(self.key)]


@pytest.fixture(autouse=True)
def begins() -> None:
    """Have a test's bindings begin with it, and not with the whole run."""
    global BEGAN
    BEGAN = time.time()


@pytest.fixture
def engine(begins: None) -> Engine:
    return Engine()


def binding(contact: str, *, cseq: int = 1, expires: float = 60, instance: str = "") -> Binding:
    return Binding(contact, "c", cseq, BEGAN + expires, "udp:127.0.0.1:5071", "ua", 1.0, instance)


def stored(value: Callable[[Registration], object]) -> dict[str, object]:
    return {row.contact: value(row) for row in Registration.objects.all()}


def moments(name: str) -> dict[str, object]:
    return stored(lambda row: round(getattr(row, name).timestamp() - BEGAN))


def test_exactly_what_was_decided_is_stored(engine: Engine) -> None:
    engine.become(binding("sip:a"), binding("sip:b"))
    assert engine.contacts() == ["sip:a", "sip:b"]
    assert not Registration.objects.exists()
    engine.store()
    engine.now += 30
    engine.become(binding("sip:a", cseq=2), binding("sip:c"), binding("sip:b"))
    engine.store()
    assert moments("registered_at") == {"sip:a": 30, "sip:b": 0, "sip:c": 30}
    engine.become()
    engine.store()
    assert not Registration.objects.exists()
    assert engine.kept.take_unwritten() == {}


def test_a_registration_refreshed_in_time_keeps_since_when_it_is_there(engine: Engine) -> None:
    engine.become(binding("sip:a"))
    for cseq, (after_s, since) in enumerate({30: 0, 80: 0, 200: 200}.items(), start=2):
        engine.now = BEGAN + after_s
        engine.become(binding("sip:a", cseq=cseq, expires=after_s + 60))
        engine.store()
        assert (moments("since"), moments("registered_at")) == (
            {"sip:a": since},
            {"sip:a": after_s},
        )


def test_two_phones_behind_two_routers_may_write_the_same_address(engine: Engine) -> None:
    engine.become(*(binding("sip:a@10.0.0.1", instance=f"<urn:{name}>") for name in "xy"))
    engine.store()
    assert Registration.objects.count() == len(engine.contacts()) == 2


def test_a_device_that_moves_keeps_since_when_it_is_there_and_devices_may_swap_addresses(
    engine: Engine,
) -> None:
    for now, contacts in ((0, ("sip:a", "sip:b")), (30, ("sip:b", "sip:a"))):
        engine.now = BEGAN + now
        devices = zip(contacts, ("<urn:x>", "<urn:y>"), strict=True)
        engine.become(
            *(binding(at, cseq=now + 1, expires=90, instance=name) for at, name in devices)
        )
        engine.store()
    assert stored(lambda row: row.instance) == {"sip:b": "<urn:x>", "sip:a": "<urn:y>"}
    assert moments("since") == {"sip:a": 0, "sip:b": 0}


def test_what_could_not_be_stored_is_stored_next_time_but_not_over_what_came_since(
    engine: Engine,
) -> None:
    engine.become(binding("sip:a"), binding("sip:b"), binding("sip:c"))
    engine.store()
    engine.become(binding("sip:a", cseq=2), binding("sip:b", cseq=2))
    lost = engine.kept.take_unwritten()
    engine.become(binding("sip:a", cseq=3))
    engine.kept.put_back(lost)
    engine.store()
    assert stored(lambda row: row.cseq) == {"sip:a": 3}


def test_of_two_engines_the_later_refresh_of_a_device_stays(engine: Engine) -> None:
    other = Engine("two")
    other.now += 5
    other.become(binding("sip:new", instance="<urn:x>"), binding("sip:p"))
    other.store()
    engine.become(binding("sip:old", instance="<urn:x>"), binding("sip:q"))
    engine.store()
    assert set(stored(lambda row: row.node).items()) == {
        ("sip:new", "two"),
        ("sip:p", "two"),
        ("sip:q", "one"),
    }
    engine.kept.heard(engine.key, "one")
    assert engine.kept.to_be_read() == set()
    engine.kept.heard(engine.key, "two")
    engine.become(binding("sip:r"))
    assert engine.kept.to_be_read() == set(), "what is not stored yet would be lost"
    engine.store()
    assert engine.kept.to_be_read() == {engine.key}
    engine.read()
    assert set(engine.contacts()) == {"sip:new", "sip:p", "sip:r"}


def test_a_removal_that_is_stored_late_takes_nothing_back_that_was_registered_since(
    engine: Engine,
) -> None:
    """The phone left one engine and registered at another before the first could store that."""
    other = Engine("two")
    engine.become(binding("sip:a"), binding("sip:b"))
    engine.store()
    other.read()
    engine.now += 5
    engine.become()
    lost = engine.kept.take_unwritten()
    engine.kept.put_back(lost)
    other.now += 10
    other.become(binding("sip:a", cseq=2))
    other.store()
    engine.store()
    assert stored(lambda row: row.node) == {"sip:a": "two"}


def test_a_connection_that_is_gone_takes_its_bindings_along(engine: Engine) -> None:
    engine.become(binding("sip:a"))
    Connection.objects.all().delete()
    engine.store()
    assert not Registration.objects.exists()
    engine.kept.know({}, {engine.key})
    assert engine.contacts() == []
    assert not engine.kept.has_registered(host="127.0.0.1")
