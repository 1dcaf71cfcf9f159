"""One server for the module's tests, small enough to be filled, and strangers with raw sockets."""

from collections.abc import Iterator

import pytest

from tests.peers.engine import Engine

SMALL = {
    "VOIPNUMBER_HTTP_BODY_BYTES": "65536",
    "VOIPNUMBER_HTTP_REQUEST_S": "1.5",
    "VOIPNUMBER_HTTP_CONNECTIONS": "30",
    "VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS": "10",
}


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run `manage.py serve`; a module may name other settings as ENVIRONMENT."""
    with Engine({}, environment=getattr(request.module, "ENVIRONMENT", SMALL)) as running:
        yield running
