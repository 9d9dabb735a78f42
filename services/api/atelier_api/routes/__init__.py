"""HTTP in, use cases out."""
