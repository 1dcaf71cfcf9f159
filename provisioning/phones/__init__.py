"""Phones set up by themselves: files in their own languages, over an address that works once."""
