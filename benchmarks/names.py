"""What the systems are called in figures and tables."""

ATELIER = "Atelier"
COMMON = "Django, Celery, Redis, PostgreSQL"
TUNED = "the same, connections kept"
DURABLE = "the same, as durable as it can be"
