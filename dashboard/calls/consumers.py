"""The websockets of the live calls."""

from dashboard.calls.call_topic import CallTopic
from dashboard.calls.list_topic import ListTopic
from dashboard.live.consumers import LivePage
from dashboard.live.topics import Topic


class CallsConsumer(LivePage):
    """The list of calls."""

    def topic(self) -> Topic:
        """Return the list."""
        return ListTopic()


class CallConsumer(LivePage):
    """One call's page."""

    def topic(self) -> Topic:
        """Return the call of the address."""
        return CallTopic(self.scope["url_route"]["kwargs"]["call_uuid"])
