"""The built-in agent: a websocket server that speaks the AssemblyAI dialect from its side.

It is for trying things: it greets, repeats what it hears, answers a tone with a tone, reads keys,
hangs up and transfers when told, and misbehaves when told. No part of a call needs it.
"""
