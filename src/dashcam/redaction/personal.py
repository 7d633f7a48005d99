"""Personal data, for those who ask for it with `redact_personal`: cards, accounts, addresses.

What has a checksum is checked by it, so that order numbers stay: cards by Luhn's (ISO/IEC 7812),
IBANs by theirs (ISO 13616).
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, ip_address, ip_network

from dashcam.redaction.known import replace_number
from dashcam.redaction.names import REDACTED
from dashcam.settings import PERSONAL

__all__ = ["PERSONAL", "network_of", "remove_personal"]

_CARD = re.compile(r"(?<![\w.])(?<!\d[ -])\d(?:[ -]?\d){11,18}(?![\w])(?![ -]\d)")
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?<!\d )(?:\+|00)[1-9](?:[ ./()-]{0,2}\d){6,13}(?![\w-])"
    r"|(?<![\w.+-])\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w.:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:.])"
)


def _is_card(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 12 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_iban(text: str) -> bool:
    bare = text.replace(" ", "")
    if not 15 <= len(bare) <= 34:
        return False
    moved = bare[4:] + bare[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def network_of(address: str) -> str:
    """Shorten an address to its network: /24 of IPv4, /48 of IPv6; as it was where it is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    size = 24 if isinstance(parsed, IPv4Address) else 48
    return str(ip_network((parsed, size), strict=False).network_address)


_CHECKS = {
    "card": (_CARD, _is_card),
    "iban": (_IBAN, _is_iban),
    "email": (_EMAIL, None),
    "phone": (_PHONE, None),
    "ssn": (_SSN, None),
}


def remove_personal(text: str, kinds: Iterable[str]) -> str:
    """Replace personal data in a text.

    Args:
        text: the text.
        kinds: of `PERSONAL`; `ip` shortens addresses to their network.
    """
    for kind in sorted(kinds):
        if kind == "ip":
            text = _IP.sub(lambda match: network_of(match[0]), text)
            continue
        pattern, check = _CHECKS[kind]
        found = [match for match in pattern.finditer(text) if check is None or check(match[0])]
        for value in {match[0]: None for match in found}:
            if value.isdigit():
                text = replace_number(text, rf"(?<![\w.]){value}(?![\w.])")
            else:
                text = text.replace(value, REDACTED)
    return text
