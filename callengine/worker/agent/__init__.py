"""A leg that is no SIP call: a voice agent, at the other end of a websocket.

`leg` is the party, on the call's thread. `loop` is a thread for each such leg: its `conversation`
(what is said when, without any I/O), its `websocket` (on a `stream` that the engine connected), and
the caller's RTP, borrowed from pjmedia for as long as they talk.
"""
