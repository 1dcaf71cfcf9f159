"""The codec lab as it runs elsewhere: page and engine apart, over Redis; behind NAT."""

import json
import re
import urllib.parse

import pytest

from dashboard.lab.form import EXAMPLES
from dashboard.parts.cases import values
from tests.callengine.engine.visitor import Visitor, ended
from tests.peers import services
from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD, configuration

CONFIGURATION = configuration()
ADMIN = (
    "from django.contrib.auth.models import User\n"
    f"User.objects.create_superuser('olga', password={PASSWORD!r})\n"
)
in_production = pytest.mark.skipif(
    not services.available(), reason="needs Debian's postgresql and redis-server"
)


@in_production
def test_a_call_and_a_decline_are_placed_over_redis() -> None:
    with Engine(CONFIGURATION, production=True) as engine:
        engine.shell(ADMIN)
        visitor = Visitor(engine)
        for example, codecs in ((EXAMPLES[0], ["OPUS", "G722"]), (EXAMPLES[2], [None])):
            visitor.get(f"/lab/?{example.query}")
            led_to = visitor.post("/lab/call/", {**values(example.case), "talk_s": "3"})
            call = led_to.rstrip("/").rpartition("/")[2]
            assert f"/calls/{call}/" in led_to, visitor.page
            record = ended(engine, call)
            assert [leg["codec"] for leg in record["legs"]] == codecs
            assert "As predicted" in visitor.get(f"/lab/calls/{call}/")
        engine.processes["callengine"].terminate()
        engine.processes["callengine"].wait(20)
        visitor.get("/lab/")
        led_to = visitor.post("/lab/call/", values(EXAMPLES[0].case))
        assert "/lab/?" in led_to
        assert "No engine answered" in visitor.page


def test_a_public_address_does_not_part_the_phones_from_their_engine() -> None:
    """What is shown to peers outside leads nowhere from here: neither ACK, BYE nor RTP."""
    behind = Engine(CONFIGURATION)
    behind._environment |= {
        "VOIPNUMBER_PUBLIC_ADDRESS": "203.0.113.7",
        "VOIPNUMBER_SIP_LISTEN": f"udp:0.0.0.0:{behind.port}",
    }
    with behind as engine:
        engine.shell(ADMIN)
        visitor = Visitor(engine)
        visitor.get("/lab/")
        led_to = visitor.post("/lab/call/", {**values(EXAMPLES[0].case), "talk_s": "4"})
        record = ended(engine, led_to.rstrip("/").rpartition("/")[2])
        assert [leg["codec"] for leg in record["legs"]] == ["OPUS", "G722"]
        assert record["termination"]["reason"] == "lab-call-over"
        messages = on_the_wire(engine, record["id"])
        assert "ACK" in {text.split()[0] for text in messages}
        assert not any("203.0.113.7" in text for text in messages)
        heard = re.findall(r"(\d+) packets in", visitor.get(urllib.parse.urlsplit(led_to).path))
        assert len(heard) == 2
        assert all(int(packets) > 50 for packets in heard)


def on_the_wire(engine: Engine, call: str) -> list[str]:
    """Return the SIP messages of a call."""
    script = (
        "import json\n"
        "from callengine.models import SipMessage\n"
        f"for row in SipMessage.objects.filter(call_id={call!r}):\n"
        "    print(json.dumps({'text': row.text}))"
    )
    printed = engine.shell(script)
    return [json.loads(line)["text"] for line in printed.splitlines() if line.startswith("{")]
