"""Checks how deep the body of a message is nested, without recursion.

The limits are the same in every language, see `docs/codecs.md`.
"""

import re

CBOR_DEPTH = 128
JSON_DEPTH = 127

_BYTES, _TEXT, _LIST, _MAP, _TAG = 2, 3, 4, 5, 6
_INDEFINITE = 31
# Tags whose values can contain themselves, or take long to make.
_REFUSED = {29: "references to shared values", 35: "regular expressions"}
# The tags of large integers, and the largest size of one in bytes. Larger ones take long to convert.
_INTEGERS = (2, 3)
INTEGER_BYTES = 1024
_BREAK = 0xFF
# A break ends the items of a list, or the pairs of a map; in a map, a value is due after a key.
_ITEMS, _KEYS, _VALUE = -1, -2, -3
# A string that does not end goes on to the end of the body, so that no quote is looked at twice.
_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def _check(depth: int, most: int) -> None:
    if depth > most:
        raise ValueError(f"the value is nested more than {most} deep")


def check_cbor(body: bytes) -> None:
    """Checks lists, maps and tags. Stops at a mistake, which the decoder reports.

    The decoder takes a misplaced break for a value, and some tags can do harm. These are reported here.
    """
    # Each level takes a byte at least.
    if len(body) <= CBOR_DEPTH and not any(byte in body for byte in (_BREAK, *_REFUSED)):
        return
    # The number of items that are still to come on each level, or one of the negative numbers above.
    levels = [1]
    at = 0
    tag = None
    while levels:
        left = levels[-1]
        if left == 0:
            levels.pop()
            continue
        if at >= len(body):
            return
        head = body[at]
        at += 1
        if head == _BREAK:
            if left not in (_ITEMS, _KEYS):
                raise ValueError("a break ends nothing")
            levels.pop()
            continue
        if left > 0:
            levels[-1] = left - 1
        elif left != _ITEMS:
            levels[-1] = _VALUE if left == _KEYS else _KEYS
        around, tag = tag, None
        kind, number = head >> 5, head & 31
        is_indefinite = number == _INDEFINITE
        if number >= 24 and not is_indefinite:
            width = 1 << (number - 24)
            if width > 8 or at + width > len(body):
                return
            number = int.from_bytes(body[at : at + width], "big")
            at += width
        if kind in (_LIST, _MAP, _TAG):
            if is_indefinite:
                if kind == _TAG:
                    return
                number = _ITEMS if kind == _LIST else _KEYS
            elif kind == _TAG:
                if number in _REFUSED:
                    raise ValueError(f"{_REFUSED[number]} (tag {number}) are not read")
                tag, number = number, 1
            elif kind == _MAP:
                number *= 2
            _check(len(levels), CBOR_DEPTH)
            levels.append(number)
        elif kind in (_BYTES, _TEXT):
            start = at
            at = _after_pieces(body, at) if is_indefinite else at + number
            if at < 0:
                return
            if around in _INTEGERS and at - start > INTEGER_BYTES:
                raise ValueError(f"an integer has {at - start} bytes; at most {INTEGER_BYTES} are read")
        elif is_indefinite:
            return


def _after_pieces(body: bytes, at: int) -> int:
    """Returns the end of a text or of bytes in pieces, or -1 if there is a mistake."""
    while at < len(body):
        head = body[at]
        at += 1
        if head == _BREAK:
            return at
        number = head & 31
        if number >= 24:
            width = 1 << (number - 24)
            if width > 8:
                return -1
            number = int.from_bytes(body[at : at + width], "big")
            at += width
        at += number
    return -1


def check_json(body: bytes) -> None:
    """Checks lists and objects. Stops at a mistake, which the decoder reports."""
    if body.count(b"[") + body.count(b"{") <= JSON_DEPTH:
        return
    depth = 0
    for mark in _MARKS.finditer(body):
        match body[mark.start()]:
            case 0x5B | 0x7B:
                depth += 1
                _check(depth, JSON_DEPTH)
            case 0x5D | 0x7D:
                depth -= 1
