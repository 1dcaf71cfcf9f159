"""Addresses of the API."""

from django.urls import include, path

from api import twilio
from api.v1 import v1

TWILIO = [
    path(
        "2010-04-01/Accounts/<str:account>/Calls/<str:call>.json",
        twilio.update_call,
        name="update-call",
    )
]
urlpatterns = [path("v1/", v1.urls), path("", include((TWILIO, "twilio")))]
