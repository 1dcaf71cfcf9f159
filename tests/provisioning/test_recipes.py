"""What the recipes' files make, and what becomes of a call by each of them."""

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import negotiate
from callengine.core.directory import Platform
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.request import CallRequest
from callengine.directory import lookup
from connections.models import Connection
from provisioning.apply import provision
from provisioning.export import export
from trunks.models import Trunk

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "recipes"
FILES = sorted(FOLDER.glob("*/provision.yaml"))
NAMES = [file.parent.name for file in FILES]
SECTIONS = ("## Here", "## There", "## Pitfalls", "## Checked")
G711, WIDE = ("PCMU", "PCMA"), ("G722", "PCMU", "PCMA")


@dataclass(frozen=True)
class Out:
    """A call to the other side: what its INVITE says, and what comes of its codecs."""

    dialled: str
    uri: str
    from_user: str
    offered: tuple[str, ...]
    theirs: tuple[str, ...]
    "What the other side can, by its documentation, in its own order."
    codec: str
    srtp: str = "off"
    login: str = ""
    home: str = "US"


@dataclass(frozen=True)
class In:
    """A call of the other side: how it proves itself, and what comes of its offer."""

    called: str
    to: str
    theirs: tuple[str, ...]
    codec: str
    by: str
    "`user:NAME`, `domain:NAME` or `registration`."
    srtp: str = "off"


def _sip(user: str, host: str, transport: str) -> str:
    return f"sip:{user}@{host};transport={transport}"


ME = "voipnumber"
CALLS: dict[str, tuple[Out | None, In | None]] = {
    "asterisk": (
        Out(
            "1001",
            _sip("1001", "pbx.example.com", "udp"),
            "desk-2001",
            WIDE,
            WIDE,
            "G722",
            login=ME,
        ),
        In("2001", "connection:desk-2001", WIDE, "G722", "user:asterisk"),
    ),
    "elevenlabs": (
        Out(
            "+12025550181",
            _sip("+12025550181", "sip.rtc.elevenlabs.io", "tcp"),
            "caller",
            WIDE,
            ("PCMU", "PCMA", "G722"),
            "G722",
            login=ME,
        ),
        In("caller", "connection:caller", ("PCMU", "G722"), "G722", "user:elevenlabs"),
    ),
    "freeswitch": (
        Out(
            "3001",
            _sip("3001", "switch.example.com", "udp"),
            "desk-2002",
            WIDE,
            WIDE,
            "G722",
            login=ME,
        ),
        In("2002", "connection:desk-2002", ("PCMU", "PCMA"), "PCMU", "user:freeswitch"),
    ),
    "linphone": (None, None),
    "livekit": (
        Out(
            "+12025550178",
            _sip("+12025550178", "abc123.sip.livekit.cloud", "tcp"),
            "caller",
            WIDE,
            WIDE,
            "G722",
            login=ME,
        ),
        In("caller", "connection:caller", ("G722", "PCMU", "PCMA"), "G722", "user:livekit"),
    ),
    "retell": (
        Out(
            "+12025550182",
            _sip("+12025550182", "sip.retellai.com", "tcp"),
            "caller",
            WIDE,
            ("PCMU", "PCMA", "G722"),
            "G722",
        ),
        In("caller", "connection:caller", ("PCMU", "PCMA"), "PCMU", "user:retell"),
    ),
    "telnyx": (
        Out(
            "+442079460018",
            _sip("+442079460018", "sip.telnyx.com", "tls"),
            "+12025550131",
            WIDE,
            ("PCMU", "PCMA", "G729"),
            "PCMU",
            "required",
            "your-sip-connection",
        ),
        In(
            "+12025550131",
            "connection:front-desk",
            ("PCMU", "PCMA"),
            "PCMU",
            "registration",
            "required",
        ),
    ),
    "twilio": (
        Out(
            "+12025550199",
            _sip("+12025550199", "your-trunk.pstn.twilio.com", "tls"),
            "+12025550130",
            G711,
            G711,
            "PCMU",
            "required",
            ME,
        ),
        In(
            "+12025550130",
            "connection:front-desk",
            G711,
            "PCMU",
            "domain:twilio.sip.example.com",
            "required",
        ),
    ),
    "vapi": (
        Out("+12025550179", _sip("bakery", "sip.vapi.ai", "udp"), "caller", G711, G711, "PCMU"),
        In("caller", "connection:caller", G711, "PCMU", "user:vapi"),
    ),
    "vobiz": (
        Out(
            "+911122334455",
            _sip("+911122334455", "your-trunk-id.sip.vobiz.ai", "udp"),
            "+911234567890",
            ("PCMA", "PCMU"),
            G711,
            "PCMA",
            login="your-credential",
            home="IN",
        ),
        In("+911234567890", "connection:front-desk", G711, "PCMA", "domain:vobiz.sip.example.com"),
    ),
    "whatsapp": (
        Out(
            "885511999990000",
            _sip("+5511999990000", "wa.meta.vc", "tls"),
            "+12025550140",
            ("OPUS",),
            ("OPUS",),
            "OPUS",
            "required",
            "12025550140",
        ),
        In(
            "+12025550140",
            "connection:front-desk",
            ("OPUS",),
            "OPUS",
            "user:12025550140",
            "required",
        ),
    ),
    "yealink": (None, None),
}
"By folder; phones are called and call as every connection does: `test_a_phone_is_a_connection`."
CALLER = 'connections:\n  - {sip_user: caller, name: Caller, password: "a password of its own"}\n'
pytestmark = pytest.mark.django_db


@pytest.fixture
def made(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Load the recipe the test is for, beside a caller; return what its file says."""
    text = (FOLDER / request.param / "provision.yaml").read_text()
    provision(text=CALLER, file="caller.yaml")
    provision(text=text, file="provision.yaml")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def plan(source: tuple[str, str], to: str, offered: tuple[str, ...], home: str) -> CallPlan:
    """Return the plan of a call, as the engine makes it."""
    kind, name = source
    request = CallRequest(
        call="c",
        call_id="",
        from_user=name if kind == "connection" else "+12025550111",
        from_name="",
        to_user=to,
        offered=offered,
        max_forwards=70,
        source=lookup.source(kind=kind, name=name, address="192.0.2.1"),
    )
    every = tuple(CATALOGUE)
    platform = Platform(every, external_sip=False, available_codecs=every, home_country=home)
    planned = plan_call(
        request, destination=lookup.destination(to), platform=platform, usage=Usage()
    )
    assert isinstance(planned, CallPlan), planned
    return planned


def test_every_recipe_has_its_row() -> None:
    assert sorted(CALLS) == NAMES


@pytest.mark.parametrize("made", NAMES, indirect=True)
def test_a_file_makes_what_it_says(made: dict[str, Any]) -> None:
    """Each key of it stands in what is exported afterwards, and nothing else was made."""
    stored = yaml.safe_load(export())
    stored["connections"] = [c for c in stored["connections"] if c["sip_user"] != "caller"]
    for section in ("connections", "trunks", "numbers", "routes", "agents"):
        assert _plain(made.get(section, [])) == _without_defaults(stored[section], made, section)


def _plain(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries in order, without passwords, gateways numbered as they stand."""
    plain = []
    for entry in entries:
        one = {
            k: _plain([v])[0] if isinstance(v, dict) else v
            for k, v in entry.items()
            if k != "password"
        }
        for number, gateway in enumerate(one.get("gateways", []), start=1):
            gateway.setdefault("priority", number)
        plain.append(one)
    return sorted(plain, key=lambda one: str(one.get("name") or one.get("number") or ""))


def _without_defaults(
    stored: list[dict[str, Any]], made: dict[str, Any], section: str
) -> list[dict[str, Any]]:
    """Return what is stored as the file has it: a list it leaves out is the platform's."""
    keys = {key for entry in made.get(section, []) for key in entry}
    return [{k: v for k, v in entry.items() if k in keys} for entry in _plain(stored)]


@pytest.mark.parametrize(
    ("made", "call"), [(k, out) for k, (out, _) in CALLS.items() if out], indirect=["made"]
)
def test_a_call_goes_where_the_other_side_wants_it(made: dict[str, Any], call: Out) -> None:
    """Request-URI, caller, login, SRTP, the codecs offered in order, and which is agreed."""
    users = [entry["sip_user"] for entry in made.get("connections", [])] or ["caller"]
    planned = plan(("connection", users[0]), call.dialled, ("PCMU", "PCMA"), call.home)
    assert negotiate(planned.vn_a, ("PCMU", "PCMA")).codec
    (wave,) = planned.waves
    (target,) = wave.targets
    assert target.caller is not None
    assert (target.uri, target.caller.from_user) == (call.uri, call.from_user)
    assert (str(target.srtp), target.username) == (call.srtp, call.login)
    assert wave.vn_b == call.offered
    assert negotiate(wave.vn_b, call.theirs).codec == call.codec
    trunk = Trunk.objects.get(name=target.trunk)
    (entry,) = made["trunks"]
    assert trunk.out_password == entry["out"].get("password", "")
    assert trunk.registers == entry["out"].get("register", False)


@pytest.mark.parametrize(
    ("made", "call"), [(k, call) for k, (_, call) in CALLS.items() if call], indirect=["made"]
)
def test_a_call_of_the_other_side_is_known_and_led_on(made: dict[str, Any], call: In) -> None:
    (entry,) = made["trunks"]
    how, _, name = call.by.partition(":")
    if how == "user":
        known = lookup.credentials(name)
        assert known is not None
        assert (known.kind, known.name) == ("trunk", entry["name"])
        ha1 = f"{name}:{settings.VOIPNUMBER_REALM}:{entry['in']['password']}"
        assert known.ha1_md5 == hashlib.md5(ha1.encode()).hexdigest()
    elif how == "domain":
        found = [e for e in lookup.access_entries(lookup.trunks()) if e.domain == name]
        assert [e.name for e in found] == [entry["name"]]
    else:
        assert entry["out"]["register"]
    assert not entry["in"].get("allowed_addresses"), "an address of a platform is pinned"
    Connection.objects.update(address="sip:192.0.2.10")  # a phone to be rung
    planned = plan(("trunk", entry["name"]), call.called, call.theirs, "US")
    assert planned.destination == call.to
    assert negotiate(planned.vn_a, call.theirs).codec == call.codec
    assert str(planned.srtp) == call.srtp


@pytest.mark.parametrize("made", ["linphone", "yealink"], indirect=True)
def test_a_phone_is_a_connection(made: dict[str, Any]) -> None:
    """It is called on its inbound list, calls on its outbound one, and signs in by its SIP user."""
    (phone,), (number,) = made["connections"], made["numbers"]
    known = lookup.credentials(phone["sip_user"])
    assert known is not None
    assert known.kind == "connection"
    assert lookup.credentials(phone["name"]) is None
    called = lookup.destination(number["number"])
    assert called.connection is not None
    assert called.connection.inbound_codecs == tuple(phone["inbound"]["codecs"])
    assert called.connection.outbound_codecs == tuple(phone["outbound"]["codecs"])
    assert str(called.connection.srtp) == phone.get("srtp", "off")


@pytest.mark.parametrize("made", ["telnyx", "whatsapp", "vobiz"], indirect=True)
def test_a_call_abroad_is_refused_unless_both_may(made: dict[str, Any]) -> None:
    """403, as the carriers' own: the pitfall that each of these pages tells of."""
    (out, _) = CALLS[made["trunks"][0]["name"]]
    assert out is not None
    request = CallRequest(
        call="c",
        call_id="",
        from_user="caller",
        from_name="",
        to_user=out.dialled,
        offered=("PCMU",),
        max_forwards=70,
        source=lookup.source(kind="connection", name="caller", address="192.0.2.1"),
    )
    every = tuple(CATALOGUE)
    platform = Platform(every, external_sip=False, available_codecs=every, home_country="US")
    destination = lookup.destination(out.dialled)
    refused = plan_call(request, destination=destination, platform=platform, usage=Usage())
    assert isinstance(refused, Declined | Rejection)
    assert refused.code == 403


# The pages


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_built_alike_and_name_their_files(name: str) -> None:
    page = (FOLDER / name / "README.md").read_text()
    places = [page.find(f"\n{section}\n") for section in SECTIONS]
    assert places == sorted(places)
    assert min(places) > 0, SECTIONS[places.index(min(places))]
    for file in (FOLDER / name).iterdir():
        assert file.name == "README.md" or f"]({file.name})" in page, file.name
    assert f"]({name}/README.md)" in (FOLDER / "README.md").read_text()


def test_what_the_two_sides_are_given_is_the_same() -> None:
    (asterisk,) = yaml.safe_load((FOLDER / "asterisk/provision.yaml").read_text())["trunks"]
    pjsip = (FOLDER / "asterisk/pjsip.conf").read_text()
    (switch,) = yaml.safe_load((FOLDER / "freeswitch/provision.yaml").read_text())["trunks"]
    gateway = ET.parse(FOLDER / "freeswitch/gateway.xml").getroot()
    directory = ET.parse(FOLDER / "freeswitch/directory.xml").getroot()
    ET.parse(FOLDER / "freeswitch/dialplan.xml")
    for login in (asterisk["in"], asterisk["out"]):
        assert f"username={login['username']}\npassword={login['password']}\n" in pjsip
    said = {p.get("name"): p.get("value") for p in gateway.iter("param")}
    assert (said["username"], said["password"]) == (
        switch["in"]["username"],
        switch["in"]["password"],
    )
    user = next(directory.iter("user"))
    assert user.get("id") == switch["out"]["username"]
    assert switch["out"]["password"] in [p.get("value") for p in user.iter("param")]
    (phone,) = yaml.safe_load((FOLDER / "yealink/provision.yaml").read_text())["connections"]
    account = (FOLDER / "yealink/account.cfg").read_text()
    said = dict(re.findall(r"^account\.1\.(\w+) = (.*)$", account, re.MULTILINE))
    assert said["user_name"] == said["auth_name"] == phone["sip_user"]
    assert said["password"] == phone["password"]
