"""SIP as bytes and back: what is read of a peer's message, and what is written."""
