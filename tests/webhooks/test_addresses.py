"""Which addresses a receiver may have: of the public internet, in whatever form they are written, and those allowed."""

from ipaddress import ip_address, ip_network

import pytest

from services.webhooks.addresses import ForbiddenAddressError, NotHttpsError, ReceiverRules, is_public, permitted

PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
REFUSED = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "192.0.2.1", "203.0.113.9"),
    *("224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *(
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
    ),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2001::1", "100::1", "5f00::1"),
)


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert permitted("host", [text], ()) == [text]


@pytest.mark.parametrize("text", REFUSED)
def test_no_other_address_is(text: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="none of the public internet"):
        permitted("host", [text], ())


def test_of_several_addresses_those_are_left_that_are_fit() -> None:
    assert permitted("host", ["10.0.0.1", "1.1.1.1", "::1"], ()) == ["1.1.1.1"]


def test_a_network_may_be_allowed_and_no_other_is() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert permitted("host", ["10.1.2.3", "fd00::1", "::ffff:10.1.2.3"], allowed) == [
        "10.1.2.3",
        "fd00::1",
        "::ffff:10.1.2.3",
    ]
    with pytest.raises(ForbiddenAddressError):
        permitted("host", ["10.2.0.1", "127.0.0.1"], allowed)


def test_what_an_address_says_by_itself_is_refused_before_anything_is_sent() -> None:
    ReceiverRules().check("https://hooks.acme.example/a")
    with pytest.raises(NotHttpsError):
        ReceiverRules().check("http://hooks.acme.example/a")
    for url in ("https://127.0.0.1/a", "https://[::1]/a", "https://[::ffff:169.254.169.254]:443/a"):
        with pytest.raises(ForbiddenAddressError):
            ReceiverRules().check(url)
    ReceiverRules((ip_network("127.0.0.0/8"),), plain_http=True).check("http://127.0.0.1:80/a")
