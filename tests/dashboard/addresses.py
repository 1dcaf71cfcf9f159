"""Every address there is, found by walking the URL configuration, with example arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from dashboard.parts.access import Access

PUBLIC = {"phone-setup", "shared-call", "login", "logout", "favicon", "admin:login", "admin:logout"}
"Addresses for people without a session. Everything else needs a permission."
APIS = {"v1", "twilio"}
"Namespaces of what programs ask, with a key and no session: see tests/api."

EXAMPLES = {
    "trial": "0d9f3a52-5f0e-4a7e-9f3a-2b1c6f7d8e90",
    "call_uuid": "5f0e3a52-0d9f-4a7e-9f3a-2b1c6f7d8e90",
    "capture_uuid": "2a9f3a52-5f0e-4a7e-9f3a-2b1c6f7d8e92",
    "connection_id": "1",
    "connection_list": "inbound",
    "template_id": "1",
    "trunk_list": "out",
    "trunk_id": "1",
    "agent_id": "1",
    "agent_list": "codecs",
    "ban_id": "1",
    "share_id": "1",
    "gateway_id": "1",
    "number_id": "1",
    "route_id": "1",
    "user_id": "1",
    "object_id": "1",
    "content_type_id": "1",
    "key_id": "1",
    "token": "used-up",
    "file_name": "yealink.cfg",
    "id": "1",
    "app_label": "connections",
    "url": "x",
}
"Argument name -> a value in `stored`. A new argument of an address wants a line here."


@dataclass(frozen=True, slots=True)
class Address:
    """One address."""

    name: str
    path: str
    access: Access | None
    "What `requires` says; None if the view says nothing."

    @property
    def is_admin(self) -> bool:
        return self.name.startswith("admin:")


def addresses(
    patterns: list[Any] | None = None, namespace: str = "", prefix: str = "/"
) -> Iterator[Address]:
    """Yield every address of the site."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if getattr(pattern, "namespace", None) in APIS:
            continue
        path = prefix + example(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, inner, path)
        else:
            assert isinstance(pattern, URLPattern)
            yield Address(
                f"{namespace}{pattern.name}", path, getattr(pattern.callback, "access", None)
            )


def example(route: str) -> str:
    """Return a route with its arguments filled in."""
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda match: EXAMPLES[match[1]], route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: EXAMPLES[match[1]], route)
    return route.replace("^", "").replace("$", "")


ALL = [address for address in addresses() if address.name not in PUBLIC]
