"""Settings of the tests: what the .env of whoever runs them says is left out."""

from pathlib import Path
from typing import Any

from service.settings import Settings


def settings_with(env_file: Path | None = None, /, **given: Any) -> Settings:
    """What is `given` above the environment, `env_file` and the defaults."""
    # Settings ignores names that it does not know.
    assert given.keys() <= Settings.model_fields.keys()
    values = given | {"_env_file": env_file}
    return Settings(**values)
