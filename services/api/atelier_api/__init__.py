"""Accepts work: checks it, makes it safe with the broker, answers; a job's life is others'."""
