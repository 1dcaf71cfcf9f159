"""Recipes on the wire: their own files as they stand, and names that lead to who plays a part."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.peers.dnsserver import NameServer
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import LOOPBACK, free_port, free_sip_port
from tests.wire import secured
from tests.wire.directory import ABROAD, Entry

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "recipes"
_NAMED = secured.AUTHORITY.issue("localhost", dns=["localhost"], addresses=[LOOPBACK])
NAMED = {
    **secured.ENVIRONMENT,
    "VOIPNUMBER_SIP_TLS_CERTIFICATE": str(_NAMED.certificate),
    "VOIPNUMBER_SIP_TLS_KEY": str(_NAMED.key),
    "VOIPNUMBER_SIP_TLS_NAME": "localhost",
}
"An engine with a name over TLS, as platforms and phones want one."
SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
KEYS = {"connections": "sip_user", "trunks": "name", "numbers": "number", "routes": "prefix"}


def recipe(name: str) -> Entry:
    """Return a recipe's provision file as it stands."""
    read: Entry = yaml.safe_load((FOLDER / name / "provision.yaml").read_text())
    return read


def trunk_of(name: str) -> Entry:
    """Return a recipe's trunk."""
    (trunk,) = recipe(name)["trunks"]
    return dict(trunk)


def desk_of(name: str) -> tuple[str, str]:
    """Return SIP user and password of a recipe's connection."""
    (desk,) = recipe(name)["connections"]
    return desk["sip_user"], desk["password"]


@asynccontextmanager
async def at_the_desk(
    engine: Engine, user: str, password: str, codecs: tuple[str, ...] = ("PCMA", "PCMU")
) -> AsyncIterator[Phone]:
    """Open a phone that is registered for as long."""
    async with Phone(user, password, server=engine.server, codecs=codecs) as phone:
        assert (await phone.register()).code == 200
        try:
            yield phone
        finally:
            await phone.register(expires_s=0)


def together(*names: str, **platform: Any) -> Entry:
    """Return the files of several recipes as one; whoever calls in it may call abroad."""
    whole: dict[str, dict[str, Entry]] = {section: {} for section in KEYS}
    for name in names:
        for section, entries in recipe(name).items():
            for entry in entries:
                more = ABROAD if section in ("connections", "trunks") else {}
                whole[section][entry[KEYS[section]]] = entry | more
    return {**platform, **{section: list(found.values()) for section, found in whole.items()}}


class Names:
    """A name server of which engines ask where the hosts of recipes are."""

    def __init__(self) -> None:
        self.server = NameServer(free_port())
        self.environment = {"VOIPNUMBER_DNS_SERVERS": f"127.0.0.1:{self.server.port}"}

    def lead(self, name: str, host: str, transport: str) -> int:
        """Have a name lead to a free port of a loopback address, over one transport; return it."""
        port = free_sip_port(host)
        service = f"{SERVICES[transport]}.{name}"
        self.server.has(service, "SRV", f"0 0 {port} {name}.")
        self.server.has(name, "A", host)
        return port
