"""Addresses of the pages, place by place."""

from django.urls import include, path

PLACES = (
    "overview",
    "search",
    "history",
    "rejections",
    "why",
    "calls",
    "captures",
    "shares",
    "connections",
    "codecs",
    "settings",
    "alerts",
    "audit",
    "accounts",
    "lab",
    "trunks",
    "numbers",
    "routes",
    "agents",
    "phone",
    "parts",
)
urlpatterns = [path("", include(f"dashboard.{place}.urls")) for place in PLACES]
