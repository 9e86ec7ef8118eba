"""django-scim2 for tests: the smallest Django project that serves it, over a database in memory.

    django.py TOKEN

It listens on a free port of 127.0.0.1 and prints it.
"""
import sys
import types
from wsgiref.simple_server import WSGIRequestHandler, make_server

# This file has the name of what it imports.
sys.path.pop(0)

import django
from django.apps import AppConfig
from django.conf import settings

HERE = "__main__"
TOKEN = sys.argv[1]


class Project(AppConfig):
    name = HERE
    label = "project"
    path = "."


class Authentication:
    """Whoever has the token may do everything."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, request):
        known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        request.user = types.SimpleNamespace(is_authenticated=known)
        return self.answer(request)


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django_scim", f"{HERE}.Project"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[f"{HERE}.Authentication"],
    ROOT_URLCONF=HERE,
    SCIM_SERVICE_PROVIDER={
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "token", "description": "A token"}],
        "GROUP_MODEL": f"{HERE}.Group",
        "NETLOC": "127.0.0.1",
        "SCHEME": "http",
        "USER_MODEL_GETTER": f"{HERE}.user_model",
    },
    SECRET_KEY="for tests only",
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import include, path
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Group(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        app_label = "project"


class User(AbstractSCIMUserMixin):
    username = models.CharField(max_length=80, unique=True)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    email = models.EmailField()
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    scim_groups = models.ManyToManyField(Group, related_name="user_set")

    class Meta:
        app_label = "project"


def user_model():
    return User


class Handler(WSGIRequestHandler):
    def log_message(self, *_said):
        """Says nothing of single requests."""


urlpatterns = [path("scim/", include("django_scim.urls", namespace="scim"))]

with connection.schema_editor() as editor:
    for model in (Group, User):
        editor.create_model(model)
with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
