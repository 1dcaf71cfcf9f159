"""The pages that a browser looks at, one by one."""

from tests.dashboard.addresses import ALL
from tests.dashboard.rows import AGENT_CALL

NOT_PAGES = {
    *("engine", "codec-meaning", "call-quality", "rejections-each"),
    *("capture-file", "lab-hear-audio"),
}
"Addresses that answer with a part of a page, or with a file."
PARTS = ("-fragment", "-export", "-data", "-state", "-options", "-usage", "-standing")
"What is no page but part of one, or a file."
PAGES = {
    address.name: address.path
    for address in ALL
    if address.access
    and address.access.get
    and address.name not in NOT_PAGES
    and not address.name.endswith(PARTS)
}
PAGES["call-agent"] = f"/calls/{AGENT_CALL}/"
