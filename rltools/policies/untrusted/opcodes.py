"""Follows the opcodes of a pickle to see what it would do; nothing is unpickled, imported or built here."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, NamedTuple

MAX_OPCODES = 50_000
MAX_NODES = 300_000

_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
# Copies of the top of the stack, and numbers instead of names, which no pickler writes.
_NEVER = frozenset({"DUP", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})


class _Item(NamedTuple):
    """An object on the stack: its text, and how many objects it consists of, counting shared ones repeatedly."""

    nodes: int = 1
    text: str = ""


_EMPTY = _Item()


@dataclass
class _Stack:
    items: list[_Item | None] = field(default_factory=list)  # None is a mark
    memo: dict[int, _Item] = field(default_factory=dict)

    def pop(self) -> _Item:
        item = self.items.pop()
        if item is None:
            raise ValueError("a mark where an object belongs")
        return item

    def pop_to_mark(self) -> list[_Item]:
        popped = []
        while (item := self.items.pop()) is not None:
            popped.append(item)
        return popped


def names_in(content: bytes | IO[bytes], steps: Iterator[int] | None = None) -> Iterator[str]:
    """The names, `module.name`, that a pickle would import, up to its end.

    Opcodes are followed and not executed, so that pickles that expand exponentially never reach the unpickler, which
    hashes nested tuples once for each path into them and allocates memory for any memo index.

    Args:
        content: the pickle; an open file is left at the pickle's end.
        steps: a budget, of which each opcode takes one; None for `MAX_OPCODES`.

    Raises:
        ValueError: not a pickle, or one that no pickler would write.
        IndexError: it pops more from its stack than there is.
        KeyError: it gets a memo entry that it never put.
    """
    stack, steps = _Stack(), steps or iter(range(MAX_OPCODES))
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if next(steps, None) is None:
            raise ValueError("too many steps")
        if opcode.name in _NEVER:
            raise ValueError(f"the step {opcode.name}, which no model needs")
        if opcode.name in _PUT:
            index = len(stack.memo) if argument is None else int(argument)
            if index > count:
                raise ValueError(f"memo index {index} for its object number {count}")
            stack.memo[index] = stack.items[-1] or _EMPTY
        elif opcode.name in _GET:
            stack.items.append(stack.memo[int(argument or 0)])
        elif opcode.name == "POP":
            stack.items.pop()
        else:
            popped = _step(stack, opcode, argument)
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".", 1)
            elif opcode.name == "STACK_GLOBAL":
                yield f"{popped[1].text}.{popped[0].text}"


def _step(stack: _Stack, opcode: pickletools.OpcodeInfo, argument: object) -> list[_Item]:
    marked, pops, pushes = _EFFECTS[opcode.code]
    popped = stack.pop_to_mark() if marked else []
    for _ in range(pops):
        popped.append(stack.pop())
    text = argument if isinstance(argument, str) else ""
    item = _EMPTY if not popped and not text else _Item(1 + sum(part.nodes for part in popped), text)
    if item.nodes > MAX_NODES:
        raise ValueError(f"one object made of more than {MAX_NODES:,}")
    for is_mark in pushes:
        stack.items.append(None if is_mark else item)
    return popped


def _effect(opcode: pickletools.OpcodeInfo) -> tuple[bool, int, tuple[bool, ...]]:
    """Whether an opcode pops to the last mark, how many more it pops, and whether each item it pushes is a mark."""
    before = opcode.stack_before
    marked = pickletools.markobject in before
    pops = before.index(pickletools.markobject) if marked else len(before)
    return marked, pops, tuple(kind is pickletools.markobject for kind in opcode.stack_after)


_EFFECTS = {opcode.code: _effect(opcode) for opcode in pickletools.opcodes}
