"""Addresses of the connections pages."""

from django.urls import path

from dashboard.connections import bulk, files, setup, templates, views

urlpatterns = [
    path("connections/", views.connections, name="connections"),
    path("setup/<str:token>/<str:file_name>", setup.phone_setup, name="phone-setup"),
    path("connections/file/", files.connections_file, name="connections-file"),
    path("connections/file/export/", files.connections_export, name="connections-export"),
    path("connections/bulk/", bulk.connections_bulk, name="connections-bulk"),
    path("connections/templates/", templates.template_list, name="templates"),
    path("connections/templates/add/", templates.template_add, name="template-add"),
    path("connections/templates/<int:template_id>/", templates.template, name="template"),
    path(
        "connections/templates/<int:template_id>/delete/",
        templates.template_delete,
        name="template-delete",
    ),
    path("connections/add/", views.connection_add, name="connection-add"),
    path("connections/<int:connection_id>/", views.connection, name="connection"),
    path(
        "connections/<int:connection_id>/password/",
        views.connection_password,
        name="connection-password",
    ),
    path(
        "connections/<int:connection_id>/enabled/",
        views.connection_enabled,
        name="connection-enabled",
    ),
    path(
        "connections/<int:connection_id>/delete/", views.connection_delete, name="connection-delete"
    ),
]
