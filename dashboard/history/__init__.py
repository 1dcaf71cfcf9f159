"""Calls that are over: filtered, counted, exported."""
