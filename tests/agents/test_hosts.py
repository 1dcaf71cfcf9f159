"""At which addresses an agent may be."""

import pytest

from agents.hosts import is_forbidden


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.2", "203.0.113.5", "2001:db8::7", "fd12::1"],
)
def test_an_agent_may_be_here_in_the_house_or_anywhere(address: str) -> None:
    assert not is_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "nobody",
    ],
)
def test_what_surrounds_this_machine_is_no_agent(address: str) -> None:
    assert is_forbidden(address)
