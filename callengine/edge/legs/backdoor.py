"""What arrives from call processes, over the loopback socket."""

import logging

from callengine.edge.flow import Flow
from callengine.edge.legs.outward_requests import OutwardRequests
from callengine.edge.legs.outward_responses import OutwardResponses
from callengine.edge.legs.table import LegTable, uri_user
from callengine.edge.messages.message import MalformedError
from callengine.edge.messages.received import receive

logger = logging.getLogger(__name__)

_TRYING = b"SIP/2.0 100 "
"How pjsip answers each INVITE first. It ends here, unread: ours was sent before."


class BackDoor:
    """Takes each message of a call process; nobody else may use the socket."""

    def __init__(
        self,
        legs: LegTable,
        *,
        requests: OutwardRequests,
        responses: OutwardResponses,
        max_line_bytes: int,
    ) -> None:
        self._legs = legs
        self._requests = requests
        self._responses = responses
        self._max_line_bytes = max_line_bytes

    def take(self, data: bytes, flow: Flow) -> None:
        """Take a message; whatever it holds, nothing is raised."""
        worker = (flow.host, flow.port)
        if not self._legs.is_worker(worker) or data.startswith(_TRYING):
            return
        try:
            message = receive(data, flow, max_line_bytes=self._max_line_bytes)
            if message.code:
                self._responses.take(message, worker)
            else:
                self._requests.take(message, worker, uri_user(message.uri))
        except MalformedError as error:
            logger.warning("a call process sent what is not SIP: %s", error)
        except Exception:
            logger.exception("a message of call process %s could not be handled", flow)
