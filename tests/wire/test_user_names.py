"""Phones and carriers whose digest user name is `user@realm`."""

import pytest

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.directory import PASSWORD, configuration, connection

ALICE, REALM = "alice", "voipnumber"
CARRIER = {
    "name": "carrier",
    "in": {"username": "carrier", "password": PASSWORD, "allowed_addresses": []},
    "out": {},
}
CONFIGURATION = configuration(
    connection(ALICE), connection("bob"), trunks=[CARRIER], external_sip=False
)

OLDER = """
from connections.models import Connection
from trunks.models import Trunk
Connection.objects.update(ha1b_md5="", ha1b_sha256="")
Trunk.objects.update(in_ha1b_md5="", in_ha1b_sha256="")
"""
"Leaves of every password what was kept of it before user names with a realm were known."


def with_realm(phone: Phone, algorithm: str = "MD5") -> Phone:
    phone.auth_user, phone.algorithm = f"{phone.user}@{REALM}", algorithm
    return phone


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_phone_registers_and_calls_as_user_at_realm(engine: Engine, algorithm: str) -> None:
    async with (
        Phone("bob", PASSWORD, server=engine.server) as bob,
        Phone(ALICE, PASSWORD, server=engine.server) as alice,
    ):
        for phone in (with_realm(bob, algorithm), with_realm(alice, algorithm)):
            assert (await phone.register()).code == 200, phone.dump()
        a = await alice.invite("bob", alice.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer(bob.sdp(["PCMU"]))
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
        assert record["source"] == "connection:alice"
        for phone in (bob, alice):
            await phone.register(expires_s=0)


async def test_a_carrier_calls_as_user_at_realm(engine: Engine) -> None:
    async with Phone("carrier", PASSWORD, server=engine.server) as carrier:
        a = await with_realm(carrier).invite("bob", carrier.sdp(["PCMU"]))
        assert (await a.wait_final()).code == 480
        stored = await engine.rejection(code=480)
        assert stored["rule"] == "not-registered", "nobody unknown gets as far as that"


async def test_a_password_of_before_is_told_from_a_wrong_one_and_setting_it_again_mends_it(
    engine: Engine,
) -> None:
    engine.shell(OLDER)
    async with Phone(ALICE, PASSWORD, server=engine.server) as alice:
        assert (await alice.register()).code == 200, "the user name alone is as good as ever"
        assert (await with_realm(alice).register()).code == 401
        stored = await engine.rejection(code=401, user=ALICE, method="REGISTER")
        assert stored["rule"] == "user-name-with-realm"
        assert "set it again here" in stored["advice"]
        engine.provision(CONFIGURATION)
        assert (await alice.register()).code == 200
        await alice.register(expires_s=0)
