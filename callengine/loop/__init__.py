"""What runs on an event loop, whichever room's it is; knows asyncio and nothing of calls."""
