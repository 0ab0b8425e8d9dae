"""The alert of a process that ends by an error: told once, however often it crashes before it has recovered."""

from eventlog.clock import SystemClock
from eventlog.errors import TicktapeError
from service import redaction
from service.alerts import changes, courier, message
from service.health.check import Check
from service.settings import Settings

TIMEOUT_SECONDS = 5.0


async def tell(settings: Settings, error: BaseException) -> None:
    """Send what ended the process to every channel, with one attempt; what no channel took is not noted as told."""
    detail = str(error) if isinstance(error, TicktapeError) else f"{type(error).__name__}: {error}"
    sentence = redaction.redact(f"The service ended: {detail}")
    path = settings.data_dir / "alerts.json"
    opened = changes.load(path)
    for alert in opened.observe([Check("process", "error", "ended", sentence)], SystemClock().now_us()):
        if await courier.send_now(courier.channels(settings), message.of_alert(alert), TIMEOUT_SECONDS):
            opened.taken(alert)
            changes.save(opened, path)
