"""The trading calendar of US equities: sessions, holidays and half days, as pure functions of a time."""
