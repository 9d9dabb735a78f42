"""One module per vendor. Each translates at one seam: orders in, pictures and typed errors out."""
