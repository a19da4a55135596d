"""The addresses that strangers may have us connect to: those of the public internet, and of networks in a setting.

An organization chooses where its events are sent. Without this check it could have them sent to hosts that only this
process can reach: servers beside us, the host itself, a cloud's metadata service. So the address of the host's name is
checked, and the connection goes to that very address (`reaching.py`): a second look-up would let the name's owner give
another address.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from services.failures import Worded

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: IANA's special-purpose addresses, which no host on the internet has. They are written out because Python's
#: `is_global` has changed between versions. The last one is public, but on every machine in Azure it is Azure's own
#: service, which hands out the machine's rights.
_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
#: Of IPv6 only global unicast is allowed; within it, tunnels and examples are refused.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)
#: How a network without IPv4 writes IPv4 addresses: the embedded address counts.
_NAT64 = IPv6Network("64:ff9b::/96")


class ForbiddenAddressError(Worded):
    """the address of {host} is none of the public internet"""


class NotHttpsError(Worded):
    """its address must begin with https://"""


@dataclass(frozen=True, slots=True)
class ReceiverRules:
    """The rules for receivers: `allowed` networks besides the public internet, `plain_http` besides https; and the most
    seconds of an attempt.
    """

    allowed: tuple[Network, ...] = ()
    plain_http: bool = False
    seconds: float = 15.0

    def check(self, url: str) -> None:
        """Check an address before its name is looked up. Raises: NotHttpsError, ForbiddenAddressError."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not self.plain_http:
            raise NotHttpsError
        host = parts.hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return
        permitted(host, [host], self.allowed)


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet."""
    plain = _within(address)
    if isinstance(plain, IPv4Address):
        return not any(plain in network for network in _REFUSED_V4)
    return plain in _GLOBAL_V6 and not any(plain in network for network in _REFUSED_V6)


def _within(address: Address) -> Address:
    """The IPv4 address that an IPv6 address embeds, if it is only another spelling."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def permitted(host: str, addresses: Iterable[str], allowed: Sequence[Network]) -> list[str]:
    """The addresses of a host's name that may be connected to, in their order.

    Raises: ForbiddenAddressError, if there are none.
    """
    fit = []
    for text in addresses:
        address = ip_address(text)
        is_allowed = any(plain in network for plain in (address, _within(address)) for network in allowed)
        if is_allowed or (is_public(address) and "%" not in text):
            fit.append(text)
    if not fit:
        raise ForbiddenAddressError(host=host)
    return fit
