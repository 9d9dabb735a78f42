"""The API's documents on each engine; named by composition roots only."""
