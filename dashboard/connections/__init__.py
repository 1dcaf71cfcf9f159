"""Connections and their templates: lists, pages, forms, files."""
