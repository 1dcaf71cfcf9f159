"""Addresses of shared records."""

from django.urls import path

from dashboard.shares import views

urlpatterns = [
    path("shared/<str:token>/", views.shared_call, name="shared-call"),
    path("calls/<uuid:call_uuid>/shares/", views.call_shares, name="call-shares"),
    path("shares/<int:share_id>/revoke/", views.share_revoke, name="share-revoke"),
]
