"""The durable tick log: event types, append, read, tail, inspection, backup, retention. The source of truth."""
