"""A leg that is a SIP call, on pjsua2; what goes to and fro there is the edge's, on loopback."""
