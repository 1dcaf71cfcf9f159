"""Trunks: lists, pages, forms, how each stands, and the test of one."""
