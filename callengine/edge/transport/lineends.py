"""Messages whose lines end in LF alone, as scripts and some old devices write them.

RFC 3261 section 7 asks for CRLF; who writes the other is to be answered all the same. Here alone
such lines are made what all others are, so that nobody above has two line ends to think of.
"""

CRLF_BLANK = b"\r\n\r\n"
LF_BLANK = b"\n\n"


def blank_line(start: bytes | bytearray, searched: int = 0) -> bytes | None:
    """Return what ends the header block of a message, by the end of its first line.

    None: there is no line yet. The bytes begin with the message's first line, which does not end
    within those already `searched`.
    """
    end = start.find(b"\n", searched)
    if end < 0:
        return None
    return LF_BLANK if end and start[end - 1] != ord("\r") else CRLF_BLANK


def with_crlf(data: bytes) -> bytes:
    """Return a message with CRLF behind its header lines where all of them end in LF alone.

    One in which both stand is left as it is; so is every body.
    """
    message = data.lstrip(b"\r\n")
    if blank_line(message) != LF_BLANK:
        return data
    head, blank, body = message.partition(LF_BLANK)
    if b"\r" in head:
        return data
    return head.replace(b"\n", b"\r\n") + (CRLF_BLANK if blank else b"") + body
