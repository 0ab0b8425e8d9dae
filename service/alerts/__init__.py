"""Tells a person when something changes: by webhook or mail, once per change, never at the recording's expense."""
