"""Parties of a call that are no SIP phone: voice agents, browsers, voices, music on hold."""
