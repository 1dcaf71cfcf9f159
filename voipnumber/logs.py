"""What of a log line is kept."""

import logging


class WithoutTraceback(logging.Filter):
    """Drop the traceback of what strangers cause: it tells nothing, and fills the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line itself."""
        record.exc_info = record.exc_text = None
        return True
