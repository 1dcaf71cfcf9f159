"""Provision files as tests write, apply and compare them."""

import io
from pathlib import Path

from django.core.management import call_command

from audiocodecs.models import PlatformSettings
from connections.models import Connection
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

DOCUMENTED = """\
platform_codecs: [OPUS, G722, AMR-WB, PCMU, PCMA]     # optional
external_sip: true        # optional
home_country: US
time_zone: Europe/Oslo
avoids_transcoding: true
connections:
  - sip_user: alice
    name: Alice
    password: "correct horse"
    inbound: {codecs: [G722, PCMU, PCMA], force_on_caller: false}
    outbound: {codecs: [OPUS, G722]}
    address: "sip:127.0.0.1:5071"      # optional
    concurrent_calls: 2                # optional
    ring_timeout_s: 25
    srtp: allowed
    avoids_transcoding: true
    international: listed
    countries: [GB, "NO"]
    daily_minutes: 600
trunks:
  - name: carrier-one
    in:  {allowed_addresses: [127.0.0.9/32], username: u, password: p, codecs: [G722, PCMU, PCMA]}
    out: {gateways: [{uri: "sip:127.0.0.1:5090;transport=udp", priority: 1}], username: u, password: p, codecs: [G722, PCMU, PCMA]}
    concurrent_calls: 30               # optional
    media_also_from: [198.51.100.64/26]
    srtp: required
    avoids_transcoding: true
numbers:
  - {number: "+12025550100", to: "connection:alice"}
routes:
  - {prefix: "+44", trunks: [carrier-one]}
"""  # noqa: E501


def run(tmp_path: Path, text: str, *options: str) -> str:
    file = tmp_path / "office.yaml"
    file.write_text(text)
    out = io.StringIO()
    call_command("provision", str(file), *options, stdout=out)
    return out.getvalue()


def everything() -> dict:
    models = (PlatformSettings, Connection, Trunk, Gateway, Number, Route, RouteTrunk)
    return {
        model.__name__: [
            {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
            for row in model.objects.order_by("pk")
        ]
        for model in models
    }


def exported() -> str:
    out = io.StringIO()
    call_command("provision", "--export", stdout=out)
    return out.getvalue()
