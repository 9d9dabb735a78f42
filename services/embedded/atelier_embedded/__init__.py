"""The whole platform in one process: the same services on SQLite and a folder."""
