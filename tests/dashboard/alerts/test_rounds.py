"""What the overview says, told: with the database, without threads."""

import datetime as dt
from importlib import import_module
from typing import Any

import pytest
from django.utils import timezone

from callengine.models import EngineNode
from connections.models import Connection, Registration
from dashboard.alerts.hysteresis import Hysteresis
from dashboard.alerts.message import AlertMessage
from dashboard.alerts.outgoing import GIVEN_UP_S, MOST_WAITING, Outgoing
from dashboard.alerts.rounds import look
from dashboard.alerts.ways import AlertWay
from dashboard.alerts.webhook import NotSentError
from dashboard.models import AlertFailure, AlertSettings, OpenAlert
from dashboard.overview.levels import Level
from tests.dashboard.live import demo
from tests.dashboard.record import call, rejection
from trunks.models import Gateway, GatewayTarget, Trunk

pytestmark = pytest.mark.django_db
ALWAYS, NEVER = Level(0.0, 0.0), Level(101.0, 101.0)


class Process:
    """A web process, as far as alerts go."""

    def __init__(self) -> None:
        self.hysteresis = Hysteresis()

    def at(self, now_s: float) -> list[str]:
        """Return what it tells at this time."""
        messages = look(self.hysteresis, now_s=now_s, now=timezone.now())
        return [message.sentence for message in messages]


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk of the machine that tests run on say nothing."""
    monkeypatch.setattr("dashboard.overview.now.DISK_FULL_PERCENT", NEVER)


@pytest.fixture
def refused() -> str:
    demo.engine_node()
    for _ in range(50):
        rejection("203.0.113.9")
    return "203.0.113.9 was refused 50 times in the last hour."


def forget(**which: Any) -> None:
    from callengine.models import Rejection

    Rejection.objects.filter(**which).delete()


def test_two_processes_and_a_restart_tell_it_once(refused: str) -> None:
    first, second = Process(), Process()
    assert first.at(0) + second.at(5) == []
    assert first.at(30) + second.at(35) == [refused]
    restarted = Process()
    assert restarted.at(40) + restarted.at(80) + second.at(80) == []
    forget()
    assert restarted.at(90) + second.at(95) == []
    assert second.at(160) + restarted.at(161) == [f"No longer reported: {refused}"]
    assert restarted.at(300) + second.at(300) + first.at(300) == []
    assert not OpenAlert.objects.exists()


def test_an_alert_about_its_limit_is_told_once(refused: str) -> None:
    """Rejections get older than an hour, and others come."""
    from callengine.models import Rejection

    # Whatever time it takes, of the engine nothing is told.
    AlertSettings.objects.create(engine=False)
    process = Process()
    process.at(0)
    assert process.at(30) == [refused]
    Rejection.objects.update(at=timezone.now() - dt.timedelta(minutes=61))
    for _ in range(30):
        rejection("203.0.113.9", ago_s=600)
    assert process.at(40) + process.at(200) + process.at(600) == []
    forget(at__gte=timezone.now() - dt.timedelta(minutes=60))
    process.at(700)
    assert process.at(760) == [f"No longer reported: {refused}"]


def test_two_that_begin_at_one_moment_tell_it_once(
    refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is the claim: what was read before it was made counts for nothing."""
    process = Process()
    process.at(0)
    key = "rejections:203.0.113.9"
    OpenAlert.objects.create(key=key, kind="rejections", text="x", since=timezone.now())
    nothing = OpenAlert.objects.none()
    monkeypatch.setattr(OpenAlert.objects, "filter", lambda *_: nothing)
    assert process.at(30) == []


def test_a_kind_that_is_off_is_not_told_and_closed_unsaid(refused: str) -> None:
    process = Process()
    process.at(0)
    assert process.at(30) == [refused]
    AlertSettings.objects.create(rejections=False)
    assert process.at(40) == process.at(200) == []
    assert not OpenAlert.objects.exists()


def test_every_trunk_has_its_own_however_many_are_down() -> None:
    demo.engine_node()
    for number in range(8):
        gateway = Gateway.objects.create(
            trunk=Trunk.objects.create(name=f"carrier-{number}"), uri="sip:192.0.2.1"
        )
        GatewayTarget.objects.create(
            gateway=gateway,
            target="udp:192.0.2.1:5060",
            is_up=False,
            since=timezone.now(),
            said="no response",
            holds_until=timezone.now() + dt.timedelta(hours=1),
        )
    process = Process()
    process.at(0)
    assert len(process.at(30)) == 8
    GatewayTarget.objects.filter(gateway__trunk__name="carrier-3").update(is_up=True)
    process.at(40)
    text = "Calls through carrier-3 cannot be expected to work: gateways down."
    assert process.at(100) == [f"No longer reported: {text}"]
    EngineNode.objects.update(seen=timezone.now() - dt.timedelta(minutes=5))
    GatewayTarget.objects.update(is_up=True)
    process.at(110)
    (told,) = process.at(200)
    assert told.startswith("Engine not reachable since "), (
        "and nothing of trunks: nobody tries them"
    )
    assert told.endswith(
        " Calls are not taken. Start it again with manage.py serve, or read its log."
    )


def loses_its_phone(name: str) -> str:
    """Make a connection whose phone is missed; return what is said of it."""
    Connection.objects.create(name=name, sip_user=name.lower())
    for _ in range(3):
        call(source=f"connection:{name.lower()}")
    return f"{name} ({name.lower()}) is not registered, and made 3 calls in the last week."


def comes_back(name: str) -> None:
    """Register its phone."""
    Registration.objects.create(
        connection=Connection.objects.get(name=name),
        contact="sip:phone@192.0.2.1",
        call_id=name,
        cseq=1,
        expires_at=timezone.now() + dt.timedelta(hours=1),
        flow="udp:192.0.2.1:5060",
        registered_at=timezone.now(),
    )


def test_a_second_phone_that_is_lost_is_told_and_each_end_is_its_own() -> None:
    """One alert stood for all of them: of another nothing was told, and of the first no end."""
    demo.engine_node()
    process = Process()
    alice = loses_its_phone("Alice")
    process.at(0)
    assert process.at(30) == [alice]
    bob = loses_its_phone("Bob")
    assert process.at(40) == []
    assert process.at(70) == [bob]
    comes_back("Alice")
    process.at(80)
    assert process.at(140) == [f"No longer reported: {alice}"]
    comes_back("Bob")
    process.at(150)
    assert process.at(210) == [f"No longer reported: {bob}"]


def test_of_many_phones_that_are_lost_at_once_one_message_tells() -> None:
    """An office without power is one mail, and whoever was told before is not over for that."""
    demo.engine_node()
    process = Process()
    alice = loses_its_phone("Alice")
    process.at(0)
    assert process.at(30) == [alice]
    names = ["Bob", "Carol", "Dora", "Eve", "Fred"]
    said = {name: loses_its_phone(name) for name in names}
    process.at(40)
    many = (
        "More than 5 phones that made calls in the last week are not registered: "
        "Alice, Bob, Carol and others."
    )
    assert process.at(70) == [many]
    assert process.at(80) + process.at(200) == []
    comes_back("Alice")
    process.at(210)
    # Few enough by now for each to be told by itself.
    assert process.at(240) == [said[name] for name in names]
    ended = [f"No longer reported: {text}" for text in (alice, many)]
    assert sorted(process.at(270)) == ended


def test_every_address_that_is_refused_often_has_its_own(refused: str) -> None:
    """The worst alone was told, under one key: what came after it was no news."""
    process = Process()
    process.at(0)
    assert process.at(30) == [refused]
    for _ in range(51):
        rejection("2001:db8::9")
    process.at(40)
    worse = "2001:db8::9 was refused 51 times in the last hour."
    assert process.at(70) == [worse]
    forget(source_address="203.0.113.9")
    process.at(80)
    assert process.at(140) == [f"No longer reported: {refused}"]
    for number in range(5):
        for _ in range(50):
            rejection(f"198.51.100.{number}")
    process.at(150)
    assert process.at(180) == [
        "More than 5 addresses were refused often in the last hour: "
        "2001:db8::9, 198.51.100.0, 198.51.100.1 and others."
    ]


def test_an_alert_of_all_phones_is_closed_unsaid_by_the_migration() -> None:
    from django.apps import apps

    for key in ("phone", "rejections", "phone:7", "silent"):
        kind = key.partition(":")[0]
        OpenAlert.objects.create(key=key, kind=kind, text="x", since=timezone.now())
    import_module("dashboard.migrations.0002_alert_of_each").forget_those_of_many(apps, None)
    assert {row.key for row in OpenAlert.objects.all()} == {"phone:7", "silent"}


def test_a_machine_judges_its_own_disk(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.overview.now.DISK_FULL_PERCENT", ALWAYS)
    settings.VOIPNUMBER_NODE = "web1"
    process = Process()
    process.at(0)
    assert "The disk of the data folder is" in process.at(30)[0]
    monkeypatch.setattr("dashboard.overview.now.DISK_FULL_PERCENT", NEVER)
    settings.VOIPNUMBER_NODE = "web2"
    other = Process()
    assert other.at(0) == other.at(100) == []
    assert OpenAlert.objects.get().key == "disk@web1"


def message(text: str = "Something.") -> AlertMessage:
    return AlertMessage("1", "begun", "disk", text, timezone.now(), "web1")


def test_what_cannot_be_sent_is_tried_again_in_order_and_dropped_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[str] = []
    working = [False]

    def send(_: AlertWay, one: AlertMessage) -> None:
        if not working[0]:
            raise NotSentError("192.0.2.1:443 answered 503")
        taken.append(one.text)

    monkeypatch.setattr(AlertWay, "send", send)
    queue = Outgoing(AlertWay("webhook", "Webhook", "192.0.2.1:443"))
    for text in ("one", "two"):
        queue.put(0, message(text))
    queue.send(0)
    assert AlertFailure.objects.get().text == "192.0.2.1:443 answered 503"
    working[0] = True
    queue.send(10)
    assert taken == [], "not at once"
    queue.send(30)
    assert taken == ["one", "two"]
    assert not AlertFailure.objects.exists()
    working[0] = False
    for number in range(MOST_WAITING + 1):
        queue.put(100, message(str(number)))
    for at in (100, 100 + GIVEN_UP_S):
        queue.send(at)
    working[0] = True
    queue.send(200 + GIVEN_UP_S)
    assert taken[2:] == [str(number) for number in range(2, MOST_WAITING + 1)]


def test_a_message_is_one_line_of_bounded_length() -> None:
    long = message("a\nBcc: mallory@example.com " + "x" * 5000)
    assert "\n" not in long.subject
    assert len(long.subject) < 200
    assert len(long.body) < 2300
