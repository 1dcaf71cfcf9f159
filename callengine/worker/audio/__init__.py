"""A caller's audio made an agent's, and back, without pjmedia's bridge.

`paths` chooses what is done to each direction; `codecs` are the caller's, `resampler` and
`concealment` are pjmedia's, `pjlib` gives them memory. `callerstream` keeps time for the agent.
Everything of one call is used on one thread.
"""
