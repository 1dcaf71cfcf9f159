"""A leg that is a person's browser: sound over a socket, without SIP and without RTP."""
