"""The SIP front door: all that faces the network for signalling, on asyncio, without Django."""
