"""What of a log line is kept."""

import logging


class WithoutTraceback(logging.Filter):
    """Drop the traceback of what strangers cause: it tells nothing, and fills the log.

    For a handler: a logger is not asked about what its children log, and Django has one for each
    kind of request that it finds suspicious.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line itself."""
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


class AnswersFilter(logging.Filter):
    """What Django says of answers: nothing of a mistake in a form, one line of a refusal."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop 409 and 422, which the page says to whom it concerns; keep 4xx without traceback.

        An address of a phone's settings is a secret while it is good.
        """
        status = getattr(record, "status_code", 500)
        if status < 500:
            record.exc_info = record.exc_text = None
        path = getattr(getattr(record, "request", None), "path", "")
        return status not in (409, 422) and not path.startswith("/setup/")
