"""How one entry of a file names another: `connection:SIP_USER`, `trunk:NAME`, `agent:NAME`."""

import re

from provisioning.checker import Checker
from provisioning.reader import Entry

AGENT = re.compile(r"agent:(.{1,100})\Z")
AGENT_FORM = "agent:NAME"


def agent_name(checker: Checker, entry: Entry | None) -> str:
    """Return the name in `agent:NAME`; empty if missing or wrong."""
    return checker.text(entry, pattern=AGENT, form=AGENT_FORM).partition(":")[2]
