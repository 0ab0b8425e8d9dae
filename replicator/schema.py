"""The replicator's tables in state.db. A released step is never edited, only followed by another."""

STEPS = [
    """
    CREATE TABLE cursors (
        destination TEXT NOT NULL,
        table_name TEXT NOT NULL,
        position INTEGER NOT NULL,
        delivered INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        PRIMARY KEY (destination, table_name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE table_states (
        destination TEXT NOT NULL,
        table_name TEXT NOT NULL,
        state TEXT NOT NULL,
        last_error TEXT,
        since_us INTEGER NOT NULL,
        PRIMARY KEY (destination, table_name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        destination TEXT NOT NULL,
        table_name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        dead_us INTEGER NOT NULL,
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        row TEXT NOT NULL,
        UNIQUE (destination, table_name, seq)
    ) STRICT;
    CREATE TABLE streaming_metrics (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        ticker TEXT NOT NULL,
        ts_us INTEGER NOT NULL,
        records_processed INTEGER NOT NULL,
        batch_size INTEGER NOT NULL,
        processing_time_ms INTEGER NOT NULL,
        error_count INTEGER NOT NULL,
        service_status TEXT NOT NULL,
        UNIQUE (ticker, ts_us)
    ) STRICT
    """
]
