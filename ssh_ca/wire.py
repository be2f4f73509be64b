"""The data types of the SSH protocol: strings, multiple precision integers, 32 and 64 bit numbers (RFC 4251).

Reading is strict: nothing is cut, padded or left over.
"""

from ssh_ca.errors import WireError


def string(value: bytes) -> bytes:
    """Return `value` behind its length."""
    return len(value).to_bytes(4, "big") + value


def mpint(value: int) -> bytes:
    """Return a number that is not negative as an mpint: as short as can be, the sign bit clear."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def uint32(value: int) -> bytes:
    """Return a number as 4 bytes."""
    return value.to_bytes(4, "big")


def uint64(value: int) -> bytes:
    """Return a number as 8 bytes."""
    return value.to_bytes(8, "big")


class WireReader:
    """Reads one value after another. Every method raises WireError if it is not there."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def is_at_end(self) -> bool:
        """Tell that everything was read."""
        return self._offset == len(self._data)

    @property
    def offset(self) -> int:
        """Return how many bytes were read."""
        return self._offset

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self._offset + size
        if end > len(self._data):
            raise WireError("it ends too early")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def rest(self) -> bytes:
        """Return everything not read yet."""
        return self.take(len(self._data) - self._offset)

    def string(self) -> bytes:
        """Return the next string."""
        data, start = self._data, self._offset + 4
        end = start + int.from_bytes(data[start - 4 : start], "big")
        if start > len(data) or end > len(data):
            raise WireError("it ends too early")
        self._offset = end
        return data[start:end]

    def text(self) -> str:
        """Return the next string, which must be UTF-8."""
        try:
            return self.string().decode()
        except UnicodeDecodeError:
            raise WireError("a text in it is not UTF-8") from None

    def mpint(self) -> int:
        """Return the next mpint, which must be positive and written as short as can be."""
        value = self.string()
        if not value or value[0] & 0x80 or (value[0] == 0 and (len(value) == 1 or not value[1] & 0x80)):
            raise WireError("a number in it is zero, negative or padded")
        return int.from_bytes(value, "big")

    def uint32(self) -> int:
        """Return the next 4 bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def uint64(self) -> int:
        """Return the next 8 bytes as a number."""
        return int.from_bytes(self.take(8), "big")

    def end(self) -> None:
        """Raise WireError if anything was not read."""
        if not self.is_at_end:
            raise WireError("there is something behind its end")
