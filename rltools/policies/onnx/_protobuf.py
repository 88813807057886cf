"""Reads the protobuf wire format: numbered fields of numbers and bytes, and nothing that could be executed.

ONNX's own package would do the same with generated code and 19 MB; the format is a page long, and a reader of our own
bounds the number of fields, which a small file can make enormous. Format: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import printable

MAX_FIELDS = 150_000
MAX_NUMBERS = 200_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_MAX_VARINT = 10  # bytes
Value = int | memoryview


@dataclass
class Budget:
    """How many more fields and packed numbers may be read from a file, which is named in errors."""

    where: str
    fields: int = MAX_FIELDS
    numbers: int = MAX_NUMBERS

    def damaged(self, reason: str) -> ModelError:
        """The error for a file that does not follow the format."""
        return ModelError(f"{self.where} is damaged, or not an ONNX network: {reason}; fetch or save it again")

    def take(self, fields: int = 0, numbers: int = 0) -> None:
        """Count what is read.

        Raises:
            UnsafeFileError: too much.
        """
        self.fields -= fields
        self.numbers -= numbers
        if self.fields < 0 or self.numbers < 0:
            raise UnsafeFileError(
                f"{self.where} has more than {MAX_FIELDS:,} fields, or {MAX_NUMBERS:,} numbers that are not stored as "
                f"raw data; not read further. Save a smaller network"
            )


@dataclass
class Message:
    """The fields of a message by number, each a list in the order of the file."""

    budget: Budget
    fields: dict[int, list[Value]] = field(default_factory=dict)

    def ints(self, number: int) -> list[int]:
        """Repeated int64, packed or not."""
        values: list[int] = []
        for value in self.fields.get(number, ()):
            packed = [value] if isinstance(value, int) else [*_varints(value, self.budget)]
            values += [signed(each) for each in packed]
        return values

    def integer(self, number: int, default: int = 0) -> int:
        """An int64; the last one counts."""
        value = self.fields.get(number, [default])[-1]
        if not isinstance(value, int):
            raise self.budget.damaged(f"field {number} is not an integer")
        return signed(value)

    def content(self, number: int) -> list[memoryview]:
        """Repeated bytes."""
        values = self.fields.get(number, ())
        if any(isinstance(value, int) for value in values):
            raise self.budget.damaged(f"field {number} is a number where bytes belong")
        return [value for value in values if not isinstance(value, int)]

    def texts(self, number: int) -> list[str]:
        """Repeated texts."""
        try:
            return [str(value, "utf-8") for value in self.content(number)]
        except UnicodeDecodeError as error:
            raise self.budget.damaged(f"a text is not UTF-8 ({printable(error.reason)})") from error

    def text(self, number: int) -> str:
        """A text; "" if it is absent."""
        return (self.texts(number) or [""])[-1]

    def messages(self, number: int) -> list[Message]:
        """Repeated messages."""
        return [parse(value, self.budget) for value in self.content(number)]

    def message(self, number: int) -> Message | None:
        """A message, if it is there."""
        values = self.content(number)
        return parse(values[-1], self.budget) if values else None

    def floats(self, number: int) -> list[float]:
        """Repeated float32, packed or not."""
        values: list[float] = []
        for value in self.content(number):
            if len(value) % 4:
                raise self.budget.damaged("a list of floats is cut short")
            self.budget.take(numbers=len(value) // 4)
            values += struct.unpack(f"<{len(value) // 4}f", value)
        return values


def parse(content: memoryview, budget: Budget) -> Message:
    """The fields of a message; messages inside it are parsed when they are asked for.

    Raises:
        ModelError: it is not a message.
        UnsafeFileError: it has too many fields.
    """
    message, position = Message(budget), 0
    while position < len(content):
        budget.take(fields=1)
        key, position = _varint(content, position, budget)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise budget.damaged("a field has the number 0")
        value: Value
        if kind == _VARINT:
            value, position = _varint(content, position, budget)
        elif kind in (_EIGHT, _FOUR, _BYTES):
            size = 8 if kind == _EIGHT else 4
            if kind == _BYTES:
                size, position = _varint(content, position, budget)
            if not 0 <= size <= len(content) - position:
                raise budget.damaged("it is cut short")
            value, position = content[position : position + size], position + size
        else:
            raise budget.damaged(f"field {number} has the unknown type {kind}")
        message.fields.setdefault(number, []).append(value)
    return message


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varints(content: memoryview, budget: Budget) -> Iterator[int]:
    position = 0
    while position < len(content):
        budget.take(numbers=1)
        value, position = _varint(content, position, budget)
        yield value


def _varint(content: memoryview, position: int, budget: Budget) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for index in range(_MAX_VARINT):
        if position + index >= len(content):
            raise budget.damaged("it is cut short")
        byte = content[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & (1 << 64) - 1, position + index + 1
    raise budget.damaged("a number has more than ten bytes")
