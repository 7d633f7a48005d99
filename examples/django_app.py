"""Django in one file, recorded, as an ASGI and as a WSGI app."""

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path

from dashcam import DashcamMiddleware
from dashcam.wsgi import DashcamWSGIMiddleware


def user(request: HttpRequest, user_id: int) -> JsonResponse:
    return JsonResponse({"user": user_id})


urlpatterns = [path("users/<int:user_id>", user)]

settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="example-only", DEFAULT_CHARSET="utf-8"
)
django.setup(set_prefix=False)

asgi = DashcamMiddleware(ASGIHandler())
wsgi = DashcamWSGIMiddleware(WSGIHandler())
