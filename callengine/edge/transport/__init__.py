"""UDP, TCP and TLS: sockets, how messages are framed, and where a phone is reached."""
