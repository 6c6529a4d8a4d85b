"""Where a request really comes from, when proxies stand in front."""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Middleware that puts the client's own address into REMOTE_ADDR.

    settings.TRUSTED_PROXIES says whom to believe: a number of proxies, or their networks. Whatever
    else stands in X-Forwarded-For was written by the client.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["REMOTE_ADDR"] = client_address(
            peer=request.META.get("REMOTE_ADDR", ""),
            forwarded_for=request.META.pop("HTTP_X_FORWARDED_FOR", ""),
            trusted=settings.TRUSTED_PROXIES,
        )
        return self.get_response(request)


def client_address(*, peer: str, forwarded_for: str, trusted: int | Sequence[_Network]) -> str:
    """Return the address of the client: the first one, from our side, that is no proxy of ours.

    `peer` is who has connected to us, and each proxy has added its own peer to `forwarded_for`.
    """
    hops = [_bare(hop) for hop in forwarded_for.split(",")] if forwarded_for else []
    address = peer
    if isinstance(trusted, int):
        # Fewer hops than proxies: it has not come through all of them, and nothing is believed.
        return hops[-trusted] if 0 < trusted <= len(hops) and hops[-trusted] else peer
    while hops and any(_is_in(address, network) for network in trusted):
        hop = hops.pop()
        if not hop:
            break
        address = hop
    return address


def bind_address(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Put the client's address into the logs (receiver of bind_extra_request_metadata)."""
    structlog.contextvars.bind_contextvars(ip=request.META["REMOTE_ADDR"])


def parse_proxies(value: str) -> int | tuple[_Network, ...]:
    """Return what TRUSTED_PROXIES says. Raises ValueError."""
    if value.strip().isdecimal():
        return int(value)
    return tuple(ipaddress.ip_network(one.strip()) for one in value.split(",") if one.strip())


def _bare(hop: str) -> str:
    """Return the address of a hop without port and brackets; empty if it is none."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return ""


def _is_in(address: str, network: _Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False
