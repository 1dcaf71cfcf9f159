"""Requests and their responses (RFC 3261 section 17), as server and as client."""
