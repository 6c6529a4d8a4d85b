"""The HTTP side: Bot API for the bot, a JSON API for people and tests, the chat page."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bot.sandbox import clock, events, inline, methods, payment_methods, people
from bot.sandbox.errors import ImpossibleError
from bot.sandbox.network import read_payment_faults
from bot.sandbox.parameters import Parameters, Upload
from bot.sandbox.state import Chat, StateFile
from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

DEFAULT_PORT = 8081
# Well formed; it opens nothing but a sandbox.
DEFAULT_TOKEN = "1000000001:SANDBOX-token-of-the-quiz-arena-bot"  # noqa: S105
# Telegram's own bound for uploads.
UPLOAD_BYTES_MAX = 50 * 1024 * 1024
SAVE_EVERY_S = 1.0
# Saving may take at most this share of the time, however much there is to save.
SAVE_SHARE_MAX = 0.05
COUNTERS_EVERY_S = 1.0
PAYMENTS_SHOWN = 20
STATIC = Path(__file__).parent / "static"
TELEGRAM = web.AppKey("telegram", Telegram)

logger = logging.getLogger(__name__)
routes = web.RouteTableDef()


def run(*, host: str, port: int, token: str, state_path: Path | None) -> None:
    """Serve until interrupted. Exit with a sentence when the port is taken."""
    telegram_app = app(token=token, state_file=StateFile(path=state_path) if state_path else None)
    try:
        web.run_app(
            telegram_app,
            host=host,
            port=port,
            access_log=None,
            shutdown_timeout=1,
            print=lambda _: logger.info("Telegram sandbox on http://%s:%d/", host, port),
        )
    except OSError as error:
        sys.exit(f"The sandbox cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}.")


def app(*, token: str, state_file: StateFile | None = None) -> web.Application:
    """Return the sandbox as an application, with the state of its last run."""
    telegram = Telegram(token=token, state=state_file.load() if state_file else None)
    telegram.delivery.execute = partial(_execute, telegram)
    application = web.Application(middlewares=[_tell_people], client_max_size=UPLOAD_BYTES_MAX)
    application[TELEGRAM] = telegram
    application.add_routes(routes)
    application.router.add_static("/sandbox/static", STATIC)
    application.on_response_prepare.append(_keep_page_fresh)
    application.on_shutdown.append(_close_streams)
    application.cleanup_ctx.append(partial(_life, telegram=telegram, state_file=state_file))
    return application


async def _life(
    application: web.Application, *, telegram: Telegram, state_file: StateFile | None
) -> AsyncIterator[None]:
    telegram.delivery.start()
    tasks = [asyncio.create_task(_show_counters(telegram))]
    if state_file is not None:
        tasks.append(asyncio.create_task(_keep_saving(telegram, state_file)))
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    telegram.payments.stop()
    await telegram.delivery.stop()
    if state_file is not None:
        state_file.save(telegram.state)


async def _keep_page_fresh(request: web.Request, response: web.StreamResponse) -> None:
    """Let browsers ask each time whether the page has changed."""
    if request.path.startswith(("/sandbox/static/", "/t/", "/$")) or request.path == "/":
        response.headers["Cache-Control"] = "no-cache"


async def _close_streams(application: web.Application) -> None:
    application[TELEGRAM].events.close()


async def _keep_saving(telegram: Telegram, state_file: StateFile) -> None:
    pause = SAVE_EVERY_S
    while True:
        await asyncio.sleep(pause)
        if not telegram.has_unsaved_changes:
            continue
        telegram.has_unsaved_changes = False
        begin = time.monotonic()
        try:
            state_file.save(telegram.state)
        except OSError as error:
            telegram.has_unsaved_changes = True
            logger.warning("The sandbox cannot save its state: %s", error)
        pause = max(SAVE_EVERY_S, (time.monotonic() - begin) / SAVE_SHARE_MAX)


async def _show_counters(telegram: Telegram) -> None:
    calls, at = 0, time.monotonic()
    while True:
        await asyncio.sleep(COUNTERS_EVERY_S)
        now = time.monotonic()
        done = telegram.network.counters.calls
        rate = max(done - calls, 0) / (now - at)
        calls, at = done, now
        if telegram.events.is_watched:
            telegram.events.publish("network", **_network_json(telegram), calls_per_second=rate)


async def _execute(telegram: Telegram, call: Json) -> methods.Reply:
    """Carry out the call in the body of a webhook answer; its result goes nowhere."""
    name = str(call.pop("method"))
    return await methods.call(telegram, name, Parameters(call), token=telegram.token)


# For the bot ---------------------------------------------------------------------------------


@routes.route("*", "/bot{token}/{method}")
async def bot_api(request: web.Request) -> web.StreamResponse:
    """Carry out one Bot API call."""
    telegram = request.app[TELEGRAM]
    try:
        parameters = await _read_parameters(request)
    except (ValueError, TypeError):
        description = "Bad Request: can't parse the request"
        return _json({"ok": False, "error_code": 400, "description": description}, status=400)
    telegram.url = telegram.url or str(request.url.origin())
    match = request.match_info
    reply = await methods.call(telegram, match["method"], parameters, token=match["token"])
    if reply.is_lost and request.transport is not None:
        request.transport.close()
    return web.Response(
        body=methods.answer_body(reply), status=reply.status, content_type="application/json"
    )


async def _read_parameters(request: web.Request) -> Parameters:
    values: dict[str, Any] = dict(request.query) if request.query_string else {}
    if request.content_type == "multipart/form-data":
        for name, value in (await request.post()).items():
            values[name] = _upload(value) if isinstance(value, web.FileField) else value
    elif request.can_read_body:
        body = await request.text()
        if request.content_type == "application/json":
            values |= dict(json.loads(body or "{}"))
        else:
            values |= parse_qsl(body, keep_blank_values=True)
    return Parameters(values)


def _upload(field: web.FileField) -> Upload:
    return Upload(
        name=Path(field.filename).name, mime_type=field.content_type, content=field.file.read()
    )


# For people and tests ------------------------------------------------------------------------


@web.middleware
async def _tell_people(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn what is impossible, or not JSON, into a 400 that says so."""
    try:
        return await handler(request)
    except ImpossibleError as error:
        return _json({"error": str(error)}, status=400)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        if not request.path.startswith("/sandbox/api/"):
            raise
        return _json({"error": f"Not understood: {type(error).__name__} {error}"}, status=400)


@routes.get("/sandbox/api/players")
async def list_players(request: web.Request) -> web.Response:
    """Return all players."""
    telegram = request.app[TELEGRAM]
    return _json([telegram.player_json(chat) for chat in telegram.state.chats.values()])


@routes.post("/sandbox/api/players")
async def save_player(request: web.Request) -> web.Response:
    """Add a player, or change one whose id is given."""
    telegram = request.app[TELEGRAM]
    wanted = await _body(request)
    chat = people.save_player(
        telegram,
        player_id=int(wanted["id"]) if wanted.get("id") else None,
        first_name=str(wanted.get("first_name") or ""),
        last_name=wanted.get("last_name"),
        username=wanted.get("username"),
        language_code=wanted.get("language_code"),
    )
    return _json(telegram.player_json(chat))


@routes.get("/sandbox/api/players/{player_id:\\d+}/chat")
async def show_chat(request: web.Request) -> web.Response:
    """Return everything that a player's phone shows."""
    telegram = request.app[TELEGRAM]
    chat = _chat(request)
    waiting = [
        vars(query)
        for query in telegram.state.queries.values()
        if query.player_id == chat.player.id
    ]
    return _json(
        {
            "player": telegram.player_json(chat),
            "messages": list(chat.messages.values()),
            "undelivered": sorted(chat.undelivered),
            "commands": methods.commands_for(telegram, chat),
            "reply_keyboard": chat.reply_keyboard,
            "toasts": list(chat.toasts),
            "waiting": waiting,
            "receipts": telegram.state.receipts(chat),
        }
    )


@routes.post("/sandbox/api/players/{player_id:\\d+}/{deed:message|tap|start|block|unblock}")
async def act(request: web.Request) -> web.Response:
    """Do something as a player."""
    telegram, chat = request.app[TELEGRAM], _chat(request)
    wanted = await _body(request)
    match request.match_info["deed"]:
        case "message":
            date = int(wanted["date"]) if "date" in wanted else None
            return _json(people.write(telegram, chat, text=str(wanted["text"]), date=date))
        case "tap":
            query = people.tap(
                telegram,
                chat,
                message_id=int(wanted["message_id"]),
                data=str(wanted["data"]),
                force=bool(wanted.get("force")),
            )
            return _json(query)
        case "start":
            parameter = str(wanted.get("parameter") or "")
            return _json(people.follow_link(telegram, chat, parameter=parameter))
        case "block":
            people.block(telegram, chat)
        case "unblock":
            people.unblock(telegram, chat)
    return _json(telegram.player_json(chat))


@routes.post("/sandbox/api/players/{player_id:\\d+}/inline")
async def ask_inline(request: web.Request) -> web.Response:
    """Write `@bot …` as a player, and return the query; its results come later."""
    wanted = await _body(request)
    asked = inline.ask(request.app[TELEGRAM], _chat(request), query=str(wanted.get("query") or ""))
    return _json(inline.as_json(asked))


@routes.get("/sandbox/api/inline/{id}")
async def show_inline(request: web.Request) -> web.Response:
    """Return an inline query, with what the bot offers for it once it has answered."""
    return _json(inline.as_json(inline.find(request.app[TELEGRAM], request.match_info["id"])))


@routes.post("/sandbox/api/players/{player_id:\\d+}/share")
async def share_inline(request: web.Request) -> web.Response:
    """Send one of the results of an inline query to another player; return the message."""
    wanted = await _body(request)
    message = inline.choose(
        request.app[TELEGRAM],
        _chat(request),
        query_id=str(wanted["query_id"]),
        result_id=str(wanted["result_id"]),
        receiver=int(wanted["to"]),
    )
    return _json(message)


@routes.get("/sandbox/api/invoices/{slug}")
async def show_invoice(request: web.Request) -> web.Response:
    """Return what an invoice link is for."""
    invoice = request.app[TELEGRAM].state.invoices.get(request.match_info["slug"])
    if invoice is None or not invoice.slug:
        raise ImpossibleError("There is no such invoice.")
    return _json({**invoice.card(), "subscription_period": invoice.subscription_period_s})


@routes.post("/sandbox/api/players/{player_id:\\d+}/pay")
async def pay(request: web.Request) -> web.Response:
    """Press Pay on a card or a link, and return the checkout at once."""
    wanted = await _body(request)
    checkout = request.app[TELEGRAM].payments.begin(
        _chat(request),
        message_id=int(wanted.get("message_id") or 0),
        slug=str(wanted.get("slug") or ""),
        faults=read_payment_faults(wanted.get("faults") or ()),
    )
    return _json(vars(checkout))


@routes.get("/sandbox/api/checkouts/{id}")
async def show_checkout(request: web.Request) -> web.Response:
    """Return how a payment goes."""
    checkout = request.app[TELEGRAM].payments.checkouts.get(request.match_info["id"])
    if checkout is None:
        raise ImpossibleError("There is no such checkout.")
    return _json(vars(checkout))


@routes.post("/sandbox/api/payments/arrive")
async def let_payments_arrive(request: web.Request) -> web.Response:
    """Send the bot now the updates of payments that were held back for later."""
    request.app[TELEGRAM].payments.let_arrive()
    return _json({})


@routes.get("/sandbox/api/players/{player_id:\\d+}/stars")
async def show_stars(request: web.Request) -> web.Response:
    """Return a player's Stars, latest payments and subscriptions."""
    return _json(_stars_json(request))


@routes.post(
    "/sandbox/api/players/{player_id:\\d+}/"
    "{deed:top_up|set_stars|affiliate|refund|next_month|cancel_subscription|enable_subscription}"
)
async def act_with_stars(request: web.Request) -> web.Response:
    """Do something with Stars as a player, or as Telegram in a player's favour."""
    payments, ledger = request.app[TELEGRAM].payments, request.app[TELEGRAM].state.ledger
    chat, wanted = _chat(request), await _body(request)
    match request.match_info["deed"]:
        case "top_up":
            balance = ledger.balance(chat.player.id)
            payments.set_balance(chat, stars=balance + max(int(wanted["stars"]), 0))
        case "set_stars":
            payments.set_balance(chat, stars=int(wanted["stars"]))
        case "affiliate":
            payments.come_through_affiliate(chat, per_mille=int(wanted["per_mille"]))
        case "refund":
            payment = ledger.payments.get(str(wanted["charge_id"]))
            if payment is None or payment.player_id != chat.player.id or payment.refunded_at:
                raise ImpossibleError("There is nothing to refund.")
            payments.refund(payment)
        case deed:
            subscription = payments.find_subscription(chat, str(wanted["subscription"]))
            match deed:
                case "next_month":
                    outcome = payments.renew(chat, subscription)
                    return _json({**_stars_json(request), "outcome": outcome})
                case "cancel_subscription":
                    payments.cancel(chat, subscription)
                case "enable_subscription":
                    payments.enable(chat, subscription)
    return _json(_stars_json(request))


@routes.get("/sandbox/api/transactions")
async def list_transactions(request: web.Request) -> web.Response:
    """Return all of the bot's transactions and its balance, without a line in the journal."""
    telegram = request.app[TELEGRAM]
    ledger = telegram.state.ledger
    everything = payment_methods.transactions(telegram, offset=0, limit=len(ledger.transactions))
    return _json({**everything, "balance": ledger.bot_balance})


@routes.post("/sandbox/api/updates")
async def push_update(request: web.Request) -> web.Response:
    """Send the bot any update; without an update_id it gets the next one."""
    telegram = request.app[TELEGRAM]
    update = await _body(request)
    body = {"update_id": update.get("update_id") or telegram.state.take_update_id(), **update}
    telegram.delivery.push_raw(body)
    return _json(body)


@routes.get("/sandbox/api/calls")
async def list_calls(request: web.Request) -> web.Response:
    """Return the journal of Bot API calls."""
    since, method = int(request.query.get("since", 0)), request.query.get("method", "")
    return _json(request.app[TELEGRAM].calls(since=since, method=method))


@routes.get("/sandbox/api/network")
async def show_network(request: web.Request) -> web.Response:
    """Return the network's settings and counters."""
    return _json(_network_json(request.app[TELEGRAM]))


@routes.post("/sandbox/api/network")
async def change_network(request: web.Request) -> web.Response:
    """Change the settings that are given."""
    telegram = request.app[TELEGRAM]
    telegram.network.change(await _body(request))
    telegram.events.publish("network", **_network_json(telegram))
    return _json(_network_json(telegram))


@routes.post("/sandbox/api/reset")
async def reset(request: web.Request) -> web.Response:
    """Begin anew with the first players; with `now` (seconds since 1970) at that time."""
    now = (await _body(request)).get("now")
    if now is not None:
        clock.set_to(float(now))
    request.app[TELEGRAM].reset()
    return _json({})


@routes.get("/sandbox/api/events")
async def stream_events(request: web.Request) -> web.StreamResponse:
    """Stream what happens until the page is closed."""
    telegram = request.app[TELEGRAM]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    queue = telegram.events.subscribe()
    with suppress(ConnectionError):
        try:
            await response.write(b"retry: 1000\n\n")
            await response.write(events.as_event("reload").encode())
            while event := await queue.get():
                await response.write(event.encode())
        finally:
            telegram.events.unsubscribe(queue)
    return response


@routes.get("/sandbox/files/{file_id}")
async def show_file(request: web.Request) -> web.Response:
    """Return a file that a bot sent."""
    file = request.app[TELEGRAM].state.files.get(request.match_info["file_id"])
    if file is None:
        raise web.HTTPNotFound
    response = web.Response(body=file.content, content_type=file.mime_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not file.mime_type.startswith("image/") or file.mime_type == "image/svg+xml":
        response.headers["Content-Disposition"] = "attachment"
    return response


@routes.get("/file/bot{token}/files/{file_id}")
async def download_file(request: web.Request) -> web.Response:
    """Return a file to the bot that has its token (Bot API getFile)."""
    telegram, match = request.app[TELEGRAM], request.match_info
    file = telegram.state.files.get(match["file_id"])
    if file is None or match["token"] != telegram.token:
        raise web.HTTPNotFound
    return web.Response(body=file.content, content_type="application/octet-stream")


@routes.get("/")
@routes.get("/t/{bot}")
@routes.get("/${slug}")
async def show_page(request: web.Request) -> web.FileResponse:
    """Return the chat page; under /t/<bot>?start=… and /$<slug> it opens that link."""
    response = web.FileResponse(STATIC / "index.html")
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
    return response


def _chat(request: web.Request) -> Chat:
    return people.find_chat(request.app[TELEGRAM], int(request.match_info["player_id"]))


def _stars_json(request: web.Request) -> Json:
    player_id, ledger = _chat(request).player.id, request.app[TELEGRAM].state.ledger
    payments = ledger.payments_of(player_id, limit=PAYMENTS_SHOWN)
    return {
        "balance": ledger.balance(player_id),
        "payments": [vars(payment) for payment in payments],
        "subscriptions": [vars(it) for it in ledger.subscriptions_of(player_id)],
    }


def _network_json(telegram: Telegram) -> Json:
    counters = {**vars(telegram.network.counters), "pending": len(telegram.state.pending)}
    webhook = telegram.state.webhook
    return {
        "settings": telegram.network.settings(),
        "counters": counters,
        "webhook": {
            "url": webhook.url if webhook else "",
            "last_error_date": webhook.last_error_date if webhook else 0,
            "last_error_message": webhook.last_error_message if webhook else "",
        },
    }


async def _body(request: web.Request) -> Json:
    text = await request.text()
    body = json.loads(text) if text else {}
    if not isinstance(body, dict):
        raise ImpossibleError("The body is to be a JSON object.")
    return body


def _json(content: object, *, status: int = 200) -> web.Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, content_type="application/json")
