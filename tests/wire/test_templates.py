"""A template that changes while engines run: the next call of who follows it has the new list."""

from typing import Any

from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

OFFER = ["PCMU", "PCMA", "G722"]


def with_template(codec: str) -> dict[str, Any]:
    lists = {"codecs": [codec], "force_on_caller": True}
    templates = [{"name": "Desk phones", "inbound": lists}]
    ann = connection("ann", template="Desk phones")
    return {"connection_templates": templates, **configuration(ann)}


CONFIGURATION = with_template("G722")


async def test_the_next_call_has_the_templates_new_list_on_both_legs(engine: Engine) -> None:
    async with registered(engine, "ann") as ann, caller(engine) as phone:
        for codec in ("G722", "PCMA"):
            engine.provision(with_template(codec))
            call = await converse(engine, phone, ann, offer=OFFER)
            record = await call.end()
            assert [leg["codec"] for leg in record["legs"]] == [codec, codec]
