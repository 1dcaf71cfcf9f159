"""Calls planned, and plans made orders to call processes and legs of the edge."""
