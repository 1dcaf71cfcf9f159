"""Addresses of the audit log."""

from django.urls import path

from dashboard.audit import views

urlpatterns = [
    path("settings/audit/", views.audit_log, name="audit-log"),
    path("settings/audit/export/", views.audit_export, name="audit-export"),
]
