"""Django's settings. Everything that differs between runs comes from the environment."""

from os import environ

SECRET_KEY = environ["STUDIO_SECRET_KEY"]
API_KEY = environ["STUDIO_API_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "studio.urls"
WSGI_APPLICATION = "studio.wsgi.application"
INSTALLED_APPS = ["pictures"]
MIDDLEWARE = [  # no sessions, no forms, no pages: this is an API with a key
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": environ["STUDIO_PG_HOST"],
        "PORT": environ["STUDIO_PG_PORT"],
        "NAME": environ["STUDIO_PG_NAME"],
        "USER": "postgres",
        "CONN_MAX_AGE": None,  # connections stay open, as Django recommends for a steady load
    }
}

PICTURE_BYTES = int(environ["STUDIO_PICTURE_BYTES"])
S3_ENDPOINT = environ["STUDIO_S3_ENDPOINT"]  # host:port
S3_ACCESS_KEY = environ["STUDIO_S3_ACCESS_KEY"]
S3_SECRET_KEY = environ["STUDIO_S3_SECRET_KEY"]
S3_BUCKET = environ["STUDIO_S3_BUCKET"]

CELERY_BROKER_URL = environ["STUDIO_REDIS_URL"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # the database has it
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
if environ.get("STUDIO_DURABLE") == "1":
    # A task whose worker dies is run again. (Redis and PostgreSQL are told by their own options.)
    CELERY_TASK_ACKS_LATE = True
    CELERY_TASK_REJECT_ON_WORKER_LOST = True
if environ.get("STUDIO_KEEP_CONNECTIONS") == "1":
    # By default Celery closes the connection to the database after each task, whatever
    # CONN_MAX_AGE says (celery/celery#9824).
    CELERY_DB_REUSE_MAX = 1000
