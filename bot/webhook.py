"""The door for Telegram's updates (Bot API setWebhook)."""

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bot import inbox, wake

BODY_MAX_BYTES = 1024 * 1024


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Store one update and answer 200; what it causes is done by a worker.

    403 without the right secret, 413 for more than 1 MiB, 400 for what is no update, and 503 when
    the database is away: Telegram keeps everything but a 200 and sends it again.
    """
    given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
    if not constant_time_compare(given, settings.TELEGRAM_WEBHOOK_SECRET):
        return HttpResponse(status=403)
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_MAX_BYTES:
        return HttpResponse(status=413)
    try:
        new = inbox.receive(raw=request.body, now=timezone.now())
    except inbox.NotAnUpdateError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    except (OperationalError, InterfaceError):
        return HttpResponse(status=503, headers={"Retry-After": "1"})
    if new:
        wake.workers()
    return HttpResponse()
