"""What trunks do to numbers, callers and headers: rewritten, filtered, asserted, kept private.

RFC 3323 and RFC 3325 (privacy, P-Asserted-Identity), RFC 5806 (Diversion), RFC 7044 (History-Info).
"""

from typing import Any

from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection

HOST, CARRIER = "127.0.0.26", "127.0.0.27"
PORTS = {name: free_sip_port(HOST) for name in ("trusted", "plain", "older")}
REAL, LONDON = "+12025550100", "+442079460018"
ABROAD = "+442079460019"
"No number of ours: it is sent to a carrier."


def _trunk(name: str, inward: dict[str, Any] | None = None, **outward: Any) -> dict[str, Any]:
    out = dict(outward)
    if name in PORTS:
        out["gateways"] = [{"uri": f"sip:{HOST}:{PORTS[name]};transport=udp", "priority": 1}]
    return {"name": name, "in": inward or {}, "out": out}


CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["PCMU"]),
    trunks=[
        _trunk(
            "carrier",
            {
                "allowed_addresses": [CARRIER],
                "called_rules": ["0|. -> +44$"],
                "caller_rules": ["00|. -> +$"],
                "identity": "pai",
                "filters": ["deny caller +881!", "deny called +4490!"],
                "headers": ["keep X-Account", "add X-Line: north", "record X-Ticket"],
            },
        ),
        _trunk(
            "trusted",
            called_rules=["+44. -> national:GB", "+|. -> 00$"],
            caller_rules=["+1|. -> 001$"],
            identity="pai",
            diversion="history-info",
        ),
        _trunk("plain", called_rules=["+49|. -> $"]),
        _trunk("older", identity="rpid", diversion="none"),
    ],
    numbers={REAL: "connection:alice", LONDON: "connection:bob"},
    routes={"+44": ["trusted"], "+49": ["plain"], "+33": ["older"]},
)


def gateway(name: str) -> Phone:
    return Phone("gateway", host=HOST, port=PORTS[name], codecs=("PCMU",))


async def _offered(
    phone: Phone, to: str, at: Phone, *, end: int = 486, **invite: Any
) -> tuple[IncomingCall, str]:
    """Call, have the callee refuse; return what it got, and the caller's Call-ID."""
    call = await phone.invite(to, phone.sdp(["PCMU"]), **invite)
    arrived = await at.wait_call()
    await arrived.reject(end)
    assert (await call.wait_final()).code == end
    return arrived, call.call_id


def _headers(call: IncomingCall, *names: str) -> list[str | None]:
    return [call.invite.headers.get(name) for name in names]


async def test_a_call_in_is_what_its_trunk_makes_of_it(engine: Engine) -> None:
    headers = {
        "P-Asserted-Identity": '"Real" <sip:0012025550177@carrier.example>',
        "X-Account": "4711",
        "X-Ticket": "T-1",
        "X-Other": "kept by nobody",
    }
    async with registered(engine, "bob") as bob, caller(engine, host=CARRIER) as carrier:
        got, call_id = await _offered(
            carrier, "02079460018", bob, from_user="anonymized", headers=headers
        )
        assert (got.invite.from_address.uri.user, got.invite.from_address.name) == (
            "+12025550177",
            "Real",
        )
        assert _headers(got, "X-Account", "X-Line", "X-Ticket", "X-Other") == [
            "4711",
            "north",
            None,
            None,
        ]
        assert got.invite.headers.get("P-Asserted-Identity") is None
    record = await engine.record(call_id)
    assert (record["from"], record["to"]) == ("+12025550177", LONDON)
    notes = " ".join(line["text"] for line in engine.events(record["id"]))
    assert "P-Asserted-Identity says that Real (0012025550177) calls; From said" in notes
    assert "02079460018 was rewritten to +442079460018 (0|. -> +44$)" in notes
    assert "X-Ticket: T-1" in notes


async def test_a_filtered_call_is_refused(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host=CARRIER) as carrier:
        for to, from_user, line in (
            (LONDON, "+88112345678", "deny caller +881!"),
            ("090123456", "+12025550177", "deny called +4490!"),
        ):
            call = await carrier.invite(to, carrier.sdp(["PCMU"]), from_user=from_user)
            assert (await call.wait_final()).code == 403
            refused = await engine.refusal(call.call_id, code=403, user=from_user)
            assert refused["rule"] == "number-filtered"
            assert f"Over the trunk carrier: the filter `{line}` refuses" in refused["advice"]
        assert bob.incoming.empty()


async def test_a_carrier_that_is_trusted_learns_who_an_anonymous_caller_is(engine: Engine) -> None:
    private = {"Privacy": "id"}
    async with (
        gateway("trusted") as trusted,
        gateway("plain") as plain,
        gateway("older") as older,
        caller(engine, "alice") as phone,
    ):
        got, _ = await _offered(phone, ABROAD, trusted, headers=private)
        assert got.invite.uri.user == "02079460019"
        assert str(got.invite.from_address.uri) == "sip:anonymous@anonymous.invalid"
        asserted, privacy = _headers(got, "P-Asserted-Identity", "Privacy")
        assert asserted is not None
        assert asserted.startswith('"Alice" <sip:alice@')
        assert privacy == "id"
        got, _ = await _offered(phone, "+49301234567", plain, from_user="anonymous")
        assert got.invite.uri.user == "301234567"
        assert str(got.invite.from_address.uri) == "sip:anonymous@anonymous.invalid"
        assert "alice" not in str(got.invite).lower()
        assert REAL not in str(got.invite)
        got, _ = await _offered(phone, "+33140000000", older, from_user="anonymous")
        (remote,) = _headers(got, "Remote-Party-ID")
        assert remote is not None
        assert f"<sip:{REAL}@" in remote
        assert remote.endswith(";party=calling;screen=yes;privacy=full")


async def test_a_private_caller_of_a_carrier_is_anonymous_to_a_phone(engine: Engine) -> None:
    headers = {"Privacy": "id", "P-Asserted-Identity": f"<sip:{REAL}@carrier.example>"}
    async with registered(engine, "bob") as bob, caller(engine, host=CARRIER) as carrier:
        got, call_id = await _offered(carrier, LONDON, bob, from_user="whoever", headers=headers)
    assert got.invite.from_address.uri.user == "anonymous"
    assert REAL not in str(got.invite)
    assert "whoever" not in str(got.invite)
    record = await engine.record(call_id)
    assert record["from"] == "anonymous"


async def test_a_caller_that_hides_nothing_is_asserted_as_rewritten(engine: Engine) -> None:
    async with gateway("trusted") as trusted, caller(engine, "alice") as phone:
        got, _ = await _offered(phone, ABROAD, trusted, from_user=REAL)
        asserted, privacy = _headers(got, "P-Asserted-Identity", "Privacy")
        assert got.invite.from_address.uri.user == "0012025550100"
        assert asserted is not None
        assert "<sip:0012025550100@" in asserted
        assert privacy is None


async def test_a_carrier_is_told_who_forwarded_a_call(engine: Engine) -> None:
    """By bob's phone here, and before that by somebody the first carrier names."""
    headers = {"Diversion": "<sip:+12025550188@carrier.example>;reason=no-answer"}
    async with (
        gateway("trusted") as trusted,
        gateway("plain") as plain,
        gateway("older") as older,
        registered(engine, "bob") as bob,
        caller(engine, host=CARRIER) as carrier,
    ):
        for to, at, names in (
            (ABROAD, trusted, ("History-Info",)),
            ("+49301234567", plain, ("Diversion",)),
            ("+33140000000", older, ()),
        ):
            call = await carrier.invite(LONDON, carrier.sdp(["PCMU"]), headers=headers)
            moved = f"<sip:{to}@{engine.host}:{engine.port}>"
            await (await bob.wait_call()).reject(302, headers={"Contact": moved})
            got = await at.wait_call()
            for name in ("History-Info", "Diversion"):
                assert bool(got.invite.headers.getlist(name)) == (name in names), name
            if names == ("History-Info",):
                steps = (got.invite.headers.get("History-Info") or "").split(", ")
                assert [step.partition("@")[0] for step in steps[:2]] == [
                    "<sip:+12025550188",
                    "<sip:bob",
                ]
                assert steps[1].endswith("?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1")
                assert steps[2].endswith(">;index=1.1.1;mp=1.1")
            if names == ("Diversion",):
                told = got.invite.headers.getlist("Diversion")
                assert [one.partition("@")[0] for one in told] == ["<sip:bob", "<sip:+12025550188"]
            await got.reject(486)
            await call.wait_final()
