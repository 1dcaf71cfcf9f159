"""The ways by which alerts are told: mail and a webhook, each there if its settings are."""

import smtplib
import socket
import ssl
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from dashboard.alerts import webhook
from dashboard.alerts.message import AlertMessage
from dashboard.alerts.webhook import NotSentError


@dataclass(frozen=True, slots=True)
class AlertWay:
    """One of them."""

    name: str
    "`mail` or `webhook`."
    word: str
    to: str
    "As a person reads it; nothing in it is a secret."

    def send(self, message: AlertMessage) -> None:
        """Send it, in bounded time. Raises NotSentError."""
        if self.name == "mail":
            _mail(message)
        else:
            url = settings.VOIPNUMBER_ALERT_WEBHOOK
            webhook.post(url, message.json, local=settings.VOIPNUMBER_ALERT_WEBHOOK_LOCAL)


def ways() -> list[AlertWay]:
    """Return those that are set up."""
    usable = []
    if settings.VOIPNUMBER_MAIL_SERVER and settings.VOIPNUMBER_ALERT_MAIL_TO:
        usable.append(AlertWay("mail", "Mail", ", ".join(settings.VOIPNUMBER_ALERT_MAIL_TO)))
    if settings.VOIPNUMBER_ALERT_WEBHOOK:
        place = webhook.place_of(settings.VOIPNUMBER_ALERT_WEBHOOK)
        usable.append(AlertWay("webhook", "Webhook", place))
    return usable


def _mail(message: AlertMessage) -> None:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    mail = EmailMessage(
        message.subject,
        message.body,
        to=settings.VOIPNUMBER_ALERT_MAIL_TO,
        headers={
            "Message-ID": f"<{message.key}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        with get_connection() as mail.connection:
            mail.send()
    except (OSError, smtplib.SMTPException) as error:
        place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        raise NotSentError(f"{place} {_why(error)}") from None


def _why(error: Exception) -> str:
    """Return a clause of our own: what a server says is not passed on."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "refused the user name or the password"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "refused every recipient"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return "refused the sender, VOIPNUMBER_MAIL_FROM"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "does not offer what VOIPNUMBER_MAIL_TLS or VOIPNUMBER_MAIL_USER ask for"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code}"
    if isinstance(error, ssl.SSLError):
        return "shows no certificate that is believed, or speaks no TLS there"
    if isinstance(error, TimeoutError):
        return f"did not answer within {settings.EMAIL_TIMEOUT} s"
    if isinstance(error, socket.gaierror):
        return "has a name that is not known"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    return "could not be talked to"
