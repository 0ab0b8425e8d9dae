"""Real servers for the tests: an embedded PostgreSQL, a PostgREST-compatible Supabase on top of it."""
