"""A strict server of the AssemblyAI Voice Agent API, written from its description alone.

It shares no line with the product. `python -m tests.peers.voiceagent --help` tells how it is run,
`behaviour.py` what it can be told to do, `driving.py` starts it for a test.
"""
