"""Trunks with secrets, and a search for those secrets."""

from typing import Any

from django.test import Client
from django.urls import reverse

from trunks.models import Gateway, Trunk
from trunks.services import set_in_password

IN_SECRET = "in-s3cret-word"
OUT_SECRET = "out-s3cret-word"


def carrier(name: str = "carrier-one", **values: Any) -> Trunk:
    """Return a trunk with both passwords set."""
    trunk = Trunk(name=name, in_username=f"{name}-in", out_username="we", **values)
    trunk.out_password = OUT_SECRET
    set_in_password(trunk=trunk, password=IN_SECRET)
    trunk.save()
    return trunk


def shows_a_secret(content: str, trunk: Trunk) -> bool:
    """Return whether a page holds a password, a digest of one, or its encrypted form."""
    stored = Trunk.objects.get(pk=trunk.pk)
    secrets = {IN_SECRET, OUT_SECRET, stored.in_ha1_md5, stored.in_ha1_sha256, "gAAAA"}
    assert all(secrets), "a trunk without secrets shows nothing"
    return any(secret in content for secret in secrets)


def text(response: Any) -> str:
    """Return the page of a response."""
    content: str = response.content.decode()
    return content


def said(browser: Client, response: Any) -> str:
    """Follow a redirect and return the page it leads to, with the message."""
    assert response.status_code == 302, text(response)
    return text(browser.get(response["Location"]))


def at(name: str, *ids: int) -> str:
    return reverse(name, args=ids)


def gateways(trunk: Trunk, *uris: str) -> list[int]:
    return [
        Gateway.objects.create(trunk=trunk, uri=uri, priority=place).pk
        for place, uri in enumerate(uris, start=1)
    ]


def uris(trunk: Trunk) -> list[tuple[int, str]]:
    return [(row.priority, row.uri) for row in trunk.gateways.all()]


def inward(trunk: Trunk, **changes: str) -> dict[str, str]:
    return {
        "in_allowed_addresses": "\n".join(trunk.in_allowed_addresses),
        "in_username": trunk.in_username,
        "refer": trunk.refer,
        **changes,
    }
