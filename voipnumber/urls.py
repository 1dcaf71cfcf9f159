"""Addresses of the pages."""

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth.urls import urlpatterns as auth_patterns
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("accounts/", include(auth_patterns)),
]
if find_spec("callengine.urls"):
    urlpatterns.append(path("", include("callengine.urls")))
