"""What is vendored is what VERSIONS.txt says, with its licence."""

import hashlib
import re
from pathlib import Path

from service.web.page import STATIC

VENDOR = STATIC / "vendor"


def sums() -> dict[str, str]:
    """File name to SHA-256, as recorded."""
    words = [line.split() for line in (VENDOR / "VERSIONS.txt").read_text().splitlines()]
    return {name: digest for digest, name in (pair for pair in words if len(pair) == 2 and len(pair[0]) == 64)}


def test_the_vendored_files_are_unchanged() -> None:
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in sums()} == sums()
    assert {path.name for path in VENDOR.iterdir()} == {*sums(), "VERSIONS.txt"}


def test_every_library_has_its_version_and_licence() -> None:
    script = (Path(STATIC).parent / "vendor.sh").read_text()
    versions = (VENDOR / "VERSIONS.txt").read_text()
    for name, constant in (("lightweight-charts", "LIGHTWEIGHT_CHARTS"), ("@supabase/supabase-js", "SUPABASE_JS")):
        version = script.split(f"{constant}=")[1].split()[0]
        assert f"{name} {version} " in versions
    assert "Apache License" in (VENDOR / "lightweight-charts.LICENSE").read_text()
    assert "MIT License" in (VENDOR / "supabase.LICENSE").read_text()


def test_the_page_names_no_other_host_but_in_its_attribution() -> None:
    own = [path for path in STATIC.rglob("*") if path.suffix in (".html", ".css", ".js") and path.parent != VENDOR]
    assert len(own) > 10
    code = "\n".join(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE) for path in own)
    assert set(re.findall(r"\w+://[^/\"\s]+", code)) == {"https://www.tradingview.com", "http://www.w3.org"}
