"""Words that several control messages share, each with its bounds. Pure."""

from typing import Annotated

from callengine.core.shapes import Most, Within

LegName = Annotated[str, Most(4)]
CodecName = Annotated[str, Most(20)]
StatusCode = Annotated[int, Within(0, 699)]
"A SIP status code (RFC 3261 section 7.2), or 0 where there was none."
ProcessId = Annotated[int, Within(1, 2**31)]
ThreadId = Annotated[int, Within(0, 2**31)]
Port = Annotated[int, Within(1, 65535)]
