"""Jobs, images and run records: values, and pure functions that decide."""
