"""`ticktape demo`: the whole service on a simulated exchange and an embedded PostgreSQL."""
