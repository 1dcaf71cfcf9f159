"""The demo configuration with passwords of its own: nobody else's phone may register as Alice."""

import argparse
import os
import secrets
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).with_name("config.yaml")
GATEWAY = "127.0.0.1:15090"
AGENT_URL = "ws://127.0.0.1:8070/v1/ws"


def drawn(gateway: str = GATEWAY, agent_url: str = AGENT_URL) -> dict[str, Any]:
    """Return the demo configuration: random passwords, the gateway at HOST:PORT, the agent."""
    configuration: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())
    for connection in configuration["connections"]:
        connection["password"] = secrets.token_urlsafe(18)
    for trunk in configuration["trunks"]:
        trunk["out"]["gateways"] = [{"uri": f"sip:{gateway};transport=udp", "priority": 1}]
    for agent in configuration["agents"]:
        agent["url"] = agent_url
    return configuration


def write(file: Path, gateway: str = GATEWAY, agent_url: str = AGENT_URL) -> None:
    """Write the configuration to a file only its owner can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(descriptor, 0o600)
        yaml.safe_dump(drawn(gateway, agent_url), stream, sort_keys=False)


def passwords(file: Path) -> dict[str, str]:
    """Return SIP user -> password from a configuration that `write` wrote."""
    configuration = yaml.safe_load(file.read_text())
    return {entry["sip_user"]: entry["password"] for entry in configuration["connections"]}


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(description=write.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--gateway", default=GATEWAY, metavar="HOST:PORT")
    arguments = parser.parse_args()
    write(arguments.file, arguments.gateway)


if __name__ == "__main__":
    main()
