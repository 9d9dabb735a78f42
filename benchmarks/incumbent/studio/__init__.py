"""The incumbent: the same work as most teams would build it today, with Django and Celery."""

from studio.celery import app as celery_app

__all__ = ["celery_app"]
