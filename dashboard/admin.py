"""Admin pages of accounts and groups: for superusers alone.

Whoever may edit either in Django's own pages can make an administrator of anybody, themselves too.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

admin.site.unregister(User)
admin.site.unregister(Group)


class ForSuperusers:
    """Others may look, if they have the permission, and change nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(ForSuperusers, DjangoUserAdmin[User]):
    """Accounts."""


@admin.register(Group)
class GroupAdmin(ForSuperusers, DjangoGroupAdmin):
    """Groups; those of the roles are brought up to date by each migrate."""
