"""How one edge is put together; the only place that knows all of its parts."""

import time

from callengine.core.overload import Overload
from callengine.edge.callers.authentication import Authenticator
from callengine.edge.callers.invites import Callers
from callengine.edge.callers.keepalive import KeepAlive
from callengine.edge.callers.registration import Registrar
from callengine.edge.callers.standing import Standing
from callengine.edge.flow import Flow
from callengine.edge.interface import Engine
from callengine.edge.legs.abandon import Abandoner
from callengine.edge.legs.attempting import AttemptReports
from callengine.edge.legs.backdoor import BackDoor
from callengine.edge.legs.inward_requests import InwardRequests
from callengine.edge.legs.inward_responses import InwardResponses
from callengine.edge.legs.onward_refer import OnwardRefers
from callengine.edge.legs.outward_requests import OutwardRequests
from callengine.edge.legs.outward_responses import OutwardResponses
from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.parting import Parting
from callengine.edge.legs.refer import ReferDesk
from callengine.edge.legs.routing import Routing
from callengine.edge.legs.sending import PeerSender
from callengine.edge.legs.standin import StandIn
from callengine.edge.legs.table import LegTable
from callengine.edge.messages.branches import key_in
from callengine.edge.names.locator import Locator
from callengine.edge.outside import OutsideRequests
from callengine.edge.reception import Reception
from callengine.edge.settings import EdgeSettings
from callengine.edge.strangers.guard import Guard
from callengine.edge.strangers.warden import Warden
from callengine.edge.tap import Tap
from callengine.edge.tasks import EdgeTasks
from callengine.edge.timers import later
from callengine.edge.transactions.client import ClientTransactions
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.rejections import Rejections
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.responses import ResponseSender
from callengine.edge.transactions.server import ServerTransaction, ServerTransactions
from callengine.edge.transport.addresses import Addresses
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.loopback import Loopback
from callengine.edge.transport.upcalls import Upcalls


class Assembly:
    """The parts of one edge, each given what it needs and nothing else."""

    def __init__(self, engine: Engine, settings: EdgeSettings) -> None:
        self.settings = settings
        self.legs = LegTable(lambda flow, host: self.addresses.ipv6_for_audio(flow, host))
        self.tap = Tap()
        self.tasks = EdgeTasks()
        self.loopback = Loopback()
        self.attempts = AttemptReports(engine.attempted)
        self.locator = Locator(settings.dns_servers)
        self.rejections = Rejections(
            engine.rejected, self.tasks, per_minute=settings.rejections_per_minute
        )
        self.overload = Overload(settings.late_s)
        self._keep_guard(engine)
        self._open_network()
        self._keep_transactions()
        self._end_calls()
        self._answer_strangers(engine)
        self._let_in(engine)
        self._let_out(engine)

    def _keep_guard(self, engine: Engine) -> None:
        self.guard = Guard(
            self.settings.guard,
            name_ours=lambda data: self.legs.named_in(data) or self.client.named_in(data),
            is_live=lambda name: name in self.legs.by_token or self.client.awaits(name),
            banned_s=lambda source: self.warden.banned_s(source),
        )
        self.warden = Warden(engine, self.settings.bans, self.guard.is_exempt)
        self.standing = Standing(self.guard, self.legs)

    def _open_network(self) -> None:
        upcalls = Upcalls(
            on_message=lambda data, flow: self.reception.take(data, flow),
            on_broken=lambda data, flow, too_large: self.reception.take_broken(
                data, flow, too_large
            ),
            on_unreachable=lambda flow, why: self.outward.unreachable(flow, why),
            on_lost=lambda flow, was_used: self.outward.lost(flow, was_used=was_used),
            may_read=lambda data, flow: self.guard.wait_s(data, flow, flow.host, time.monotonic()),
            on_undelivered=self.undelivered,
            on_waited=self.waited,
            is_known=self.standing.is_in_use,
            on_cut=self.rejections.connection_cut,
        )
        self.transports = Transports(self.settings, upcalls)
        self.addresses = Addresses(self.settings, self.transports)
        self.identity = EdgeIdentity(
            self.addresses, self.loopback, user_agent=self.settings.user_agent
        )

    def waited(self, seconds: float, socket: tuple[str, int]) -> None:
        """Take how long what is read now had waited, and in which socket."""
        self.overload.observe(seconds, time.monotonic(), socket)

    def undelivered(self, quoted: bytes, flow: Flow, why: str) -> None:
        """Take an ICMP error: whoever forges one does not know our branches."""
        if key := key_in(quoted):
            self.client.undelivered(key, flow, why)
            self.outward.undelivered(key, flow, why)

    def _keep_transactions(self) -> None:
        self.response_sender = ResponseSender(
            self.transports,
            is_in_use=self.standing.is_in_use,
            is_ours=self.addresses.is_local_host,
            on_lost=self.rejections.undelivered,
        )
        self.transactions = ServerTransactions(
            send=self.response_sender.respond,
            later=later,
            limit=self.settings.max_transactions,
            on_removed=self.legs.transaction_gone,
            on_repeated=self._response_repeated,
            is_proven=self.standing.is_proven,
            on_unanswerable=lambda item: self.rejections.unanswerable(item.request),
        )
        self.client = ClientTransactions(
            self.transports, self.identity, later=later, show=self.tap.show
        )
        self.outside = OutsideRequests(
            self.client, identity=self.identity, addresses=self.addresses
        )
        self.sender = PeerSender(
            self.transports.send,
            client=self.client,
            legs=self.legs,
            identity=self.identity,
            tap=self.tap,
        )
        self.responder = Responder(
            self.transactions,
            sender=self.response_sender,
            identity=self.identity,
            tap=self.tap,
            rejections=self.rejections,
            is_proven=self.standing.is_proven,
        )

    def _response_repeated(self, transaction: ServerTransaction) -> None:
        self.tap.show(transaction.token or None, "out", transaction.flow, transaction.last)

    def _end_calls(self) -> None:
        self.routing = Routing(self.transports, self.addresses)
        self.standin = StandIn(self.loopback, self.identity)
        self.own = OwnRequests(identity=self.identity, routing=self.routing, sender=self.sender)
        self.abandoner = Abandoner(
            self.legs,
            self.transactions,
            identity=self.identity,
            responder=self.responder,
            standin=self.standin,
            sender=self.sender,
            own=self.own,
            linger_s=self.settings.linger_s,
        )

    def _answer_strangers(self, engine: Engine) -> None:
        self.authenticator = Authenticator(
            engine.credentials,
            self.settings,
            responder=self.responder,
            rejections=self.rejections,
            warden=self.warden,
            is_local=lambda host: self.addresses.is_local_host(host, None),
        )
        self.keepalive = KeepAlive(
            self.transports.send, self.identity, interval_s=self.settings.keepalive_s
        )
        self.registration = Registrar(
            engine,
            self.settings,
            authenticator=self.authenticator,
            responder=self.responder,
            guard=self.guard,
            keepalive=self.keepalive,
            is_ours=self.addresses.is_local_host,
        )
        self.refer_desk = ReferDesk(
            engine,
            self.legs,
            identity=self.identity,
            responder=self.responder,
            own=self.own,
            tasks=self.tasks,
        )
        self.onward_refers = OnwardRefers(self.legs, own=self.own, responder=self.responder)
        self.inward = InwardRequests(
            self.legs,
            self.transactions,
            identity=self.identity,
            loopback=self.loopback,
            responder=self.responder,
            rejections=self.rejections,
            abandoner=self.abandoner,
            refer_desk=self.refer_desk,
            onward_refers=self.onward_refers,
            parting=Parting(self.legs, engine.said_inside),
            acknowledged=engine.acknowledged,
        )
        self.callers = Callers(
            engine,
            max_setups=self.settings.max_setups,
            authenticator=self.authenticator,
            responder=self.responder,
            rejections=self.rejections,
            guard=self.guard,
            addresses=self.addresses,
            legs=self.legs,
            inward=self.inward,
            certified_names=self.transports.certified_names,
        )

    def _let_in(self, engine: Engine) -> None:
        self.reception = Reception(
            self.settings,
            self.transactions,
            responder=self.responder,
            rejections=self.rejections,
            tap=self.tap,
            tasks=self.tasks,
            is_local=self.addresses.is_local_host,
            registration=self.registration,
            callers=self.callers,
            requests=self.inward,
            responses=InwardResponses(
                self.legs,
                identity=self.identity,
                client=self.client,
                loopback=self.loopback,
                abandoner=self.abandoner,
                own=self.own,
                attempts=self.attempts,
            ),
            overload=self.overload,
            waited_s=engine.waited_s,
        )

    def _let_out(self, engine: Engine) -> None:
        self.outward = OutwardRequests(
            self.legs,
            identity=self.identity,
            routing=self.routing,
            find=self.locator.flow,
            sender=self.sender,
            standin=self.standin,
            own=self.own,
            attempts=self.attempts,
            abandoner=self.abandoner,
            tasks=self.tasks,
            welcome_trunk=lambda host: self.guard.welcome_trunk(host, time.monotonic()),
        )
        self.backdoor = BackDoor(
            self.legs,
            requests=self.outward,
            responses=OutwardResponses(
                self.legs,
                self.transactions,
                identity=self.identity,
                standin=self.standin,
                tap=self.tap,
                has_taken=engine.has_taken,
            ),
            max_line_bytes=self.settings.max_line_bytes,
        )
