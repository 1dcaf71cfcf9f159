"""Carriers: their gateways, who may call from there, their numbers, and the routes to them."""
