"""The addresses of the API."""

from django.urls import path

from pictures import views

urlpatterns = [
    path("healthz", views.healthz),
    path("v1/jobs", views.Jobs.as_view()),
]
