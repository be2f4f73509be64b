"""A strict reader of DER, for the parts of a request that `cryptography` shows only in decoded form.

Source: X.690 sections 8.1 and 10.1. Only definite lengths in their shortest form, only one-byte tags.
"""

from collections.abc import Iterator

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
ENUMERATED = 0x0A
IA5_STRING = 0x16
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

#: id-at-commonName, 2.5.4.3
COMMON_NAME = bytes.fromhex("550403")


class DerError(ValueError):
    """The bytes are not DER, or not of the shape that was expected."""


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, content) of each element that stands in `data`. Raises DerError."""
    offset = 0
    while offset < len(data):
        tag, start, end = _header(data, offset)
        yield tag, data[start:end]
        offset = end


def only_element(data: bytes, tag: int) -> bytes:
    """Return the content of the one element of this tag that `data` is. Raises DerError."""
    found, start, end = _header(data, 0)
    if found != tag or end != len(data):
        raise DerError(f"one element with tag {tag:#x} was expected")
    return data[start:end]


def encoded(tag: int, *contents: bytes) -> bytes:
    """Return one element of this tag around the contents, its length in the shortest form."""
    content = contents[0] if len(contents) == 1 else b"".join(contents)
    length = len(content)
    # Most are short, and an OCSP answer is made of a score of them.
    return (bytes((tag, length)) if length < 0x80 else header(tag, length)) + content


def header(tag: int, length: int) -> bytes:
    """Return what stands in front of a content of this length, in its shortest form."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def spans(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (tag, start, end) of each content that stands between two places, uncopied. Raises DerError."""
    while start < end:
        tag, begin, start = _header(data, start)
        yield tag, begin, start


def _header(data: bytes, offset: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the element at `offset`."""
    try:
        tag, length = data[offset], data[offset + 1]
    except IndexError:
        raise DerError("the data ends inside a header") from None
    if tag & 0x1F == 0x1F:
        raise DerError("a tag of more than one byte")
    start = offset + 2
    if length & 0x80:
        count = length & 0x7F
        raw = data[start : start + count]
        if not 1 <= count <= 4 or len(raw) != count or raw[0] == 0:
            raise DerError("a length that is not in its shortest form")
        length = int.from_bytes(raw, "big")
        if length < 0x80:
            raise DerError("a length that is not in its shortest form")
        start += count
    if start + length > len(data):
        raise DerError("an element longer than what holds it")
    return tag, start, start + length


def request_subject(request_info: bytes) -> list[tuple[bytes, int, bytes]]:
    """Return (type, string tag, raw value) of each attribute of a CertificationRequestInfo's subject.

    Source: RFC 2986 section 4.1. Raises DerError.
    """
    fields = elements(only_element(request_info, SEQUENCE))
    if next(fields, (0, b""))[0] != INTEGER:
        raise DerError("a version was expected")
    tag, subject = next(fields, (0, b""))
    if tag != SEQUENCE:
        raise DerError("a subject was expected")
    return [_attribute(pair) for rdn in _tagged(subject, SET) for pair in _tagged(rdn, SEQUENCE)]


def _tagged(data: bytes, tag: int) -> Iterator[bytes]:
    for found, content in elements(data):
        if found != tag:
            raise DerError(f"an element with tag {tag:#x} was expected")
        yield content


def _attribute(pair: bytes) -> tuple[bytes, int, bytes]:
    parts = list(elements(pair))
    if len(parts) != 2 or parts[0][0] != OBJECT_IDENTIFIER:
        raise DerError("an attribute has a type and a value")
    return parts[0][1], parts[1][0], parts[1][1]
