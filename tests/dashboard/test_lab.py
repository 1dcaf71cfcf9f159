"""The codec lab's page: every case an address, clear errors, calls for those who may place them."""

import asyncio
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audiocodecs.models import PlatformSettings
from callengine.core.lab import LabCase
from callengine.lab import messages
from callengine.lab.labcall import LabOrder
from callengine.lab.messages import NotPlacedError, place_lab_call
from callengine.models import Call
from callengine.notices import groups
from callengine.notices.lab import AskForLab, LabBusy, LabOffer, LabPlaced, PlaceLabCall
from callengine.notices.wire import Reader, to_message
from callengine.record import store
from connections.models import Connection
from dashboard.calls.prediction import compare
from dashboard.lab.form import EXAMPLES, LabForm
from dashboard.parts.cases import query
from tests.dashboard.live import demo
from trunks.models import Gateway, Trunk

CASE = LabCase("unknown", "free", ("OPUS", "PCMA"), ("PCMA",))
WORDS = {
    1: ("Transcoding OPUS", "G722"),
    2: ("No transcoding, G722",),
    3: ("Declined 488", "no-common-codec-caller", "Nobody is rung"),
    4: ("Transcoding OPUS", "outbound list of Lab caller"),
    5: ("No transcoding, G722", "forced on the caller"),
    6: ("No transcoding, G722", "TRUNK IN of Lab trunk"),
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    channel_layers.backends.clear()


@pytest.fixture
def alice() -> Connection:
    return Connection.objects.create(
        name="Alice", sip_user="alice", outbound_codecs=["PCMA"], enabled=False
    )


def page(client: Client, **values: str) -> str:
    response = client.get(reverse("lab"), values)
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"example-{e.number}")
def test_each_example_is_one_link_away(viewer: Client, example: Any) -> None:
    address = f"{reverse('lab')}?{example.query}"
    first = unescape(viewer.get(reverse("lab")).content.decode())
    assert f'href="{address}"' in first
    shown = unescape(viewer.get(address).content.decode())
    for words in WORDS[example.number]:
        assert words in shown
    assert 'aria-current="true"' in shown


def test_an_address_without_a_case_shows_the_first_example(viewer: Client) -> None:
    assert "Transcoding OPUS" in page(viewer)


@pytest.mark.parametrize(
    "case",
    [example.case for example in EXAMPLES]
    + [LabCase("connection", "trunk", ("PCMA",), ("PCMU", "PCMA"), "alice", "carrier")],
)
def test_an_address_holds_the_whole_case(alice: Connection, case: LabCase) -> None:
    Trunk.objects.create(name="carrier")
    form = LabForm({name: values[0] for name, values in parse_qs(query(case)).items()})
    assert form.is_valid(), form.errors
    assert form.case == case


def test_real_objects_bring_their_lists_and_what_is_wrong_with_them(
    viewer: Client, alice: Connection
) -> None:
    bob = Connection.objects.create(name="Bob", sip_user="bob", inbound_codecs=["G722"])
    shown = page(
        viewer,
        source="connection",
        source_name="alice",
        destination="connection",
        destination_name=bob.sip_user,
        a="PCMU,PCMA",
        b="G722",
    )
    assert "outbound list of Alice" in shown
    assert "Transcoding PCMA" in shown
    assert "Alice is disabled: its own calls are refused" in shown
    assert "Bob is not registered now" in shown


def test_a_trunk_is_compared_by_its_own_lists(viewer: Client, alice: Connection) -> None:
    carrier = Trunk.objects.create(name="carrier", in_codecs=["PCMU"], out_codecs=["PCMA"])
    Gateway.objects.create(trunk=carrier, uri="sip:192.0.2.1")
    case = LabCase("connection", "trunk", ("PCMA", "PCMU"), ("PCMA",), "alice", "carrier")
    shown = unescape(viewer.get(f"{reverse('lab')}?{query(case)}").content.decode())
    assert "Transcoding PCMU" in shown
    assert "TRUNK OUT of carrier" in shown
    assert "no gateway" not in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "mars"}, "Allowed: connection, trunk, unknown, free."),
        ({"destination": "mars"}, "Allowed: connection, trunk, agent, free, free-trunk."),
        ({"a": "MP3"}, "'MP3' is not a codec known here; allowed: OPUS"),
        ({"b": "PCMU,PCMU"}, "PCMU is in the list twice"),
        ({"source": "connection"}, "Name the SIP user of a connection"),
        ({"source": "trunk", "source_name": "nobody"}, "No trunk is named 'nobody'"),
        ({"destination": "connection", "destination_name": "x" * 101}, "at most 100 characters"),
        ({"source": "connection", "source_name": "\x00"}, "Null characters"),
    ],
)
def test_what_cannot_be_compared_is_told_by_field(
    viewer: Client, change: dict[str, str], words: str
) -> None:
    values = {"source": "unknown", "destination": "free", "a": "PCMU", "b": "PCMU"}
    shown = page(viewer, **{**values, **change})
    assert "Nothing to compare yet" in shown
    assert words in shown


def test_an_empty_list_is_the_platform_list(viewer: Client) -> None:
    PlatformSettings(codecs=["PCMA", "PCMU"]).save()
    form = LabForm({"source": "free", "destination": "free"})
    assert form.is_valid(), form.errors
    assert form.case.caller == form.case.callee == ("PCMA", "PCMU")
    assert "No transcoding, PCMA" in page(viewer, source="free", destination="free")


def test_html_in_an_address_is_shown_as_text(viewer: Client) -> None:
    response = viewer.get(
        reverse("lab"), {"source": "connection", "source_name": "<script>x", "a": "<script>y"}
    )
    assert b"<script>x" not in response.content
    assert b"<script>y" not in response.content


def test_names_are_offered_as_one_types(viewer: Client, alice: Connection) -> None:
    Connection.objects.bulk_create(
        Connection(name=f"Phone {n}", sip_user=f"phone{n:05}") for n in range(300)
    )
    shown = page(viewer, source="connection", source_name="lic", a="PCMU", b="PCMU")
    assert '<option value="alice">Alice</option>' in shown
    shown = page(viewer, source="connection", source_name="phone", a="PCMU", b="PCMU")
    assert shown.count('<option value="phone') == 20


def test_the_number_of_queries_does_not_grow(viewer: Client) -> None:
    asked = {"source": "connection", "source_name": "phone00001", "destination": "connection",
             "destination_name": "phone00000", "a": "PCMU", "b": "PCMU"}  # fmt: skip
    counts = []
    for start, end in ((0, 2), (2, 300)):
        Connection.objects.bulk_create(
            Connection(name=f"Phone {n}", sip_user=f"phone{n:05}") for n in range(start, end)
        )
        with CaptureQueriesContext(connection) as queries:
            assert "No transcoding" in page(viewer, **asked)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 32


def test_htmx_is_told_the_address_of_what_it_shows(viewer: Client) -> None:
    case = EXAMPLES[3].case
    response = viewer.get(
        f"{reverse('lab')}?{query(case)}&source_name=left+over", headers={"HX-Request": "true"}
    )
    assert response["HX-Replace-Url"] == f"{reverse('lab')}?{query(case)}"


def test_only_admins_are_shown_the_button(viewer: Client, admin: Client) -> None:
    assert 'id="lab-call"' not in page(viewer)
    assert "An admin can place this call" in page(viewer)
    assert 'id="lab-call"' in page(admin)


def test_without_an_engine_the_page_says_so(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "OFFER_WITHIN_S", 0.05)
    response = admin.post(reverse("lab-call"), parse(query(CASE)), follow=True)
    assert urlsplit(response.redirect_chain[0][0]).query == query(CASE)
    assert "No engine answered. Start it with manage.py serve" in response.content.decode()
    assert not Call.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": "MP3"}, "A: the caller offers: &#x27;MP3&#x27; is not a codec known here"),
        ({"talk_s": "3600"}, "Talk for 60 seconds at most."),
        ({"destination": "free-trunk"}, "is an unauthenticated caller"),
    ],
)
def test_what_cannot_be_called_is_not_asked_of_an_engine(
    admin: Client, change: dict[str, str], words: str
) -> None:
    response = admin.post(reverse("lab-call"), {**parse(query(CASE)), **change}, follow=True)
    assert words in response.content.decode()


def parse(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


# Prediction and what happened


def lab_call(**changes: Any) -> Any:
    call = demo.call()
    return {**call, "source": "lab:unknown", **changes}


def test_a_call_that_went_as_predicted_is_said_to_have() -> None:
    call = lab_call(state="answered", answered="2026-01-01T10:00:00+00:00", termination=None)
    codecs = [leg["codec"] for leg in call["legs"]]
    same = {"codec_a": codecs[0], "codec_b": codecs[1], "code": None, "reason": ""}
    assert compare(same, call).badge.word == "As predicted"
    other = compare({**same, "codec_b": "AMR-WB"}, call)
    assert other.badge.word == "Differs from the prediction"
    assert [line.what for line in other.lines if not line.same] == ["Leg B"]


def test_a_call_that_rings_is_waited_for() -> None:
    call = lab_call(state="ringing", answered=None, termination=None, legs=[])
    found = compare({"codec_a": "PCMU", "codec_b": "PCMU", "code": None, "reason": ""}, call)
    assert (found.settled, found.badge.word) == (False, "Waiting for the phones")


def test_a_decline_is_held_against_its_code_and_reason() -> None:
    end = {"by": "engine", "reason": "no-common-codec-caller", "code": 488, "advice": "x"}
    call = lab_call(state="ended", answered=None, legs=[], termination=end)
    predicted = {"codec_a": None, "codec_b": None, "code": 488, "reason": end["reason"]}
    assert compare(predicted, call).badge.word == "As predicted"
    busy = {**call, "termination": {**end, "code": 503, "reason": "no-call-process"}}
    found = compare(predicted, busy)
    assert found.badge.word == "Differs from the prediction"
    assert found.lines[0].happened == "Declined 503 no-call-process"


def test_the_calls_page_shows_both(viewer: Client) -> None:
    call = lab_call(state="answered", answered="2026-01-01T10:00:00+00:00", termination=None)
    codecs = [leg["codec"] for leg in call["legs"]]
    predicted = {"codec_a": codecs[0], "codec_b": "AMR-WB", "code": None, "reason": ""}
    plan = {"lab": {"case": CASE.to_dict(), "predicted": predicted, "by": "<b>olga</b>"}}
    store.call_started(snapshot=call, plan=plan, node="n")
    for name in ("call", "lab-outcome"):
        shown = viewer.get(reverse(name, args=[call["id"]])).content.decode()
        assert "Differs from the prediction" in shown
        assert "AMR-WB" in shown
        assert "&lt;b&gt;olga" in shown
        assert query(CASE).replace("&", "&amp;") in shown


def test_a_call_from_elsewhere_has_nothing_to_compare(viewer: Client) -> None:
    call = demo.call()
    store.call_started(snapshot=call, plan={}, node="n")
    assert "lab-strip" not in viewer.get(reverse("call", args=[call["id"]])).content.decode()
    response = viewer.get(reverse("lab-outcome", args=[call["id"]]))
    assert response["Location"] == reverse("call", args=[call["id"]])


# Pages and engines


METHODS: Reader[AskForLab | PlaceLabCall] = Reader(AskForLab, PlaceLabCall)
ORDER = LabOrder(CASE, {"codec_a": "PCMA"}, "olga", 3.0)


async def node(answer: Callable[[str], object], placed: list[str]) -> None:
    """Hear commands like an engine; note each order to place."""
    layer = get_channel_layer()
    assert isinstance(layer, InMemoryChannelLayer)
    channel = await layer.new_channel()
    await layer.group_add(groups.ENGINES, channel)
    while True:
        for asked in METHODS.read(await layer.receive(channel)):
            told = answer(channel)
            if isinstance(asked, PlaceLabCall):
                placed.append(channel)
                assert messages.order_of(asked) == ORDER
                told = LabPlaced("00" * 16)
            await layer.send(asked.reply, to_message(told))


async def with_nodes(*nodes: Any) -> str:
    tasks = [asyncio.create_task(one) for one in nodes]
    await asyncio.sleep(0)
    try:
        return await place_lab_call(ORDER)
    finally:
        for task in tasks:
            task.cancel()


async def test_of_many_engines_exactly_one_places_the_call() -> None:
    placed: list[str] = []
    assert await with_nodes(*(node(LabOffer, placed) for _ in range(4))) == "00" * 16
    assert len(placed) == 1


async def test_a_busy_engine_leaves_the_call_to_another() -> None:
    placed: list[str] = []
    busy = node(lambda _: LabBusy("two calls already"), [])
    assert await with_nodes(busy, node(LabOffer, placed)) == "00" * 16
    assert len(placed) == 1


async def test_if_all_are_busy_the_page_hears_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "OTHERS_WITHIN_S", 0.05)
    nodes = [node(lambda _: LabBusy("two calls already"), []) for _ in range(2)]
    with pytest.raises(NotPlacedError, match="two calls already"):
        await with_nodes(*nodes)
