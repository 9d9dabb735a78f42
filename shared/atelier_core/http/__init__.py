"""What every HTTP service here has in common: problems, limits, origin checks, request ids."""
