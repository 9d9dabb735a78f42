"""Turns accepted requests into stored pictures. Has no database: the run record is its memory."""
