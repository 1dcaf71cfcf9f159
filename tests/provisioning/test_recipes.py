"""What stands in the page on voice agents, to be copied, loads and leads where it says."""

import re
from pathlib import Path

import pytest

from audiocodecs.catalogue import CATALOGUE
from callengine.core.directory import Platform
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import plan_call
from callengine.core.request import CallRequest
from callengine.directory import lookup
from provisioning.apply import provision

pytestmark = pytest.mark.django_db
PAGE = (Path(__file__).resolve().parents[2] / "docs/voice-agents.md").read_text()
RECIPES = PAGE.partition("## Platforms that are reached by SIP")[2]
NUMBER = "+12025550180"
CALLER = 'connections:\n  - {sip_user: caller, password: "a password of its own"}\n'


def blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def whole(block: str) -> str:
    """Return a block as a file: some of the page go on with a list that began before."""
    return f"agents:\n{block}" if block.startswith("  - ") else block


def planned(number: str) -> CallPlan:
    request = CallRequest(
        call="c",
        call_id="",
        from_user="caller",
        from_name="",
        to_user=number,
        offered=tuple(CATALOGUE),
        max_forwards=70,
        source=lookup.source(kind="connection", name="caller", address="192.0.2.1"),
    )
    platform = Platform(
        tuple(CATALOGUE), external_sip=True, available_codecs=tuple(CATALOGUE), home_country="US"
    )
    plan = plan_call(
        request, destination=lookup.destination(number), platform=platform, usage=Usage()
    )
    assert isinstance(plan, CallPlan), plan
    return plan


@pytest.mark.parametrize("block", blocks(PAGE), ids=lambda block: block.split("\n")[1].strip())
def test_each_file_of_the_page_loads(block: str) -> None:
    provision(text=whole(block), file="page.yaml", dry_run=True)


@pytest.mark.parametrize(
    ("heading", "uri", "codecs"),
    [
        ("LiveKit", "sip:{}@abc123.sip.livekit.cloud;transport=tcp", ("G722", "PCMU", "PCMA")),
        ("ElevenLabs", "sip:{}@sip.rtc.elevenlabs.io:5060;transport=tcp", ("G722", "PCMU", "PCMA")),
        ("Vapi", "sip:bakery@sip.vapi.ai:5060", ("PCMU", "PCMA")),
        ("Retell", "sip:{}@sip.retellai.com;transport=tcp", ("G722", "PCMU", "PCMA")),
    ],
)
def test_a_recipe_sends_the_number_where_the_platform_wants_it(
    heading: str, uri: str, codecs: tuple[str, ...]
) -> None:
    """The user part is the number that was dialled, as their documentation asks for it."""
    (block,) = blocks(RECIPES.partition(f"### {heading}\n")[2].partition("\n### ")[0])
    provision(text=block, file="page.yaml")
    provision(text=CALLER, file="caller.yaml")
    number = re.search(r'number: "([^"]+)"', block)
    if number is None:
        to = heading.lower()
        provision(text=f'numbers:\n  - {{number: "{NUMBER}", to: "trunk:{to}"}}\n', file="n.yaml")
    dialled = number[1] if number else NUMBER
    wave = planned(dialled).waves[0]
    assert [target.uri for target in wave.targets] == [uri.format(dialled)]
    assert wave.vn_b == codecs
