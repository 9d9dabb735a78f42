"""What crosses a process boundary: events, queues, routes, problems, the catalogue of models."""
