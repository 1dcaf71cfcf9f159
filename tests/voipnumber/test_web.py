"""What every response carries, and who may ask."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8123", "[::1]:8000"])
def test_pages_answer_on_localhost_whatever_the_port(host):
    response = Client().get("/admin/login/", headers={"host": host})
    assert response.status_code == 200


def test_pages_answer_to_no_other_host():
    response = Client(raise_request_exception=False).get(
        "/admin/login/", headers={"host": "evil.example"}
    )
    assert response.status_code == 400


def test_a_form_posted_from_the_same_host_passes_and_another_origin_does_not(
    django_user_model,
):
    django_user_model.objects.create_superuser("root", password="correct horse")
    client = Client(enforce_csrf_checks=True)
    client.get("/admin/login/", headers={"host": "127.0.0.1:8000"})
    form = {
        "username": "root",
        "password": "correct horse",
        "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
    }
    for origin, status in (("http://evil.example", 403), ("http://127.0.0.1:8000", 302)):
        headers = {"host": "127.0.0.1:8000", "origin": origin}
        assert client.post("/admin/login/", form, headers=headers).status_code == status


def test_every_response_carries_the_security_headers():
    response = Client().get("/admin/login/", headers={"host": "127.0.0.1"})
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_static_files_are_served_without_a_collect_step():
    response = Client().get("/static/admin/css/base.css", headers={"host": "127.0.0.1"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
    response.close()
    assert "frame-ancestors" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/static/../manage.py", "/static/%2e%2e/manage.py"])
def test_nothing_outside_the_static_folders_is_served(path):
    assert Client().get(path, headers={"host": "127.0.0.1"}).status_code == 404
