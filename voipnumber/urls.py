"""Addresses of the pages."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from dashboard.signin.page import AdminSignInForm, SignInForm

admin.site.site_header = "VoIP Number administration"
admin.site.login_form = AdminSignInForm
admin.site.site_title = "VoIP Number"

urlpatterns = [
    path("admin/", admin.site.urls),
    # No password reset by mail: there is no mail server. The admin and `changepassword` set one.
    path("accounts/login/", LoginView.as_view(authentication_form=SignInForm), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    # Pages that name no icon of their own, such as the admin's, are asked for this one.
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg")), name="favicon"),
    path("", include("api.urls")),
    path("", include("dashboard.urls")),
]
