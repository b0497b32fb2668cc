"""What crosses between the referee and an agent's process: frames of plain data, and tensors as raw bytes in them.

    frame   = length (4 bytes, little-endian), then msgpack
    request = [number, operation, ...]
    reply   = [number, OK, ...] or [number, FAULT or REFUSED, text, status]

The agent can say anything in its process's name. So the referee bounds each length before it makes room, knows the
form of each reply beforehand, and takes nothing else.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgpack
import numpy as np
import torch
from torch import Tensor

#: Operations.
HELLO, LOAD, CHECK, MAKE, BEGIN, ACT, LEARN, GET, SET, CALL = range(10)
#: What a reply begins with.
OK, FAULT, REFUSED = range(3)

#: Code -> numpy and torch type of a tensor on the wire; little-endian.
DTYPES: tuple[tuple[np.dtype[Any], torch.dtype], ...] = (
    (np.dtype("<f4"), torch.float32),
    (np.dtype("<f8"), torch.float64),
    (np.dtype("<i8"), torch.int64),
    (np.dtype("<i4"), torch.int32),
    (np.dtype("<i2"), torch.int16),
    (np.dtype("i1"), torch.int8),
    (np.dtype("u1"), torch.uint8),
    (np.dtype("?"), torch.bool),
)
CODES: dict[torch.dtype, int] = {kind: code for code, (_, kind) in enumerate(DTYPES)}
NUMPY_CODES: dict[np.dtype[Any], int] = {kind: code for code, (kind, _) in enumerate(DTYPES)}
_AXES = 8
_MANY = 100  # times the items of one container, that all containers of a frame may hold
_LENGTH = struct.Struct("<I")
AT_ONCE = 1 << 16  # bytes that a pipe holds
_AWAKE = 50e-6  # seconds to wait without sleeping
_RAREST = 255
_clock = time.perf_counter
_QUICK = 20  # milliseconds to wait before anybody looks at a clock


class Malformed(ValueError):
    """A frame that is not what was asked for."""


class Ended(Exception):
    """The other side's end of the pipe is closed."""


_packers = threading.local()


def pack(message: Sequence[Any]) -> bytes:
    """A frame without its length."""
    try:
        packed: bytes = _packers.one.pack(message)
    except AttributeError:
        _packers.one = msgpack.Packer()
        packed = _packers.one.pack(message)
    return packed


def unpack(body: bytes, items: int) -> Any:
    """The data in a stranger's frame: no containers of more than `items`, no extensions, nothing behind it.

    Raises:
        Malformed: it is something else.
    """
    # an empty list is one byte in a frame and sixty in memory, so what long frames hold is counted
    counted = {} if len(body) <= AT_ONCE else _counting(_MANY * items)
    try:
        return msgpack.unpackb(
            body, max_array_len=items, max_map_len=items, max_ext_len=0, strict_map_key=True, use_list=True, **counted
        )
    except Malformed:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise Malformed(f"its answer is not valid msgpack ({type(error).__name__})") from error


def _counting(most: int) -> dict[str, Callable[[Any], Any]]:
    """What msgpack calls for every list and map that it has read: they may hold no more than `most` altogether."""
    held = 0

    def count(inside: Any) -> Any:
        nonlocal held
        held += 1 + len(inside)
        if held > most:
            raise Malformed("its answer holds more lists and entries than was asked for")
        return inside

    return {"list_hook": count, "object_hook": count}


def unpack_own(body: bytes | memoryview) -> Any:
    """The data in the referee's own frame."""
    return msgpack.unpackb(body, strict_map_key=False)


def content_of(tensor: Tensor) -> bytes:
    """The bytes of a tensor."""
    content: bytes
    if tensor.is_cpu and tensor.is_contiguous():
        content = _room(tensor.nbytes).from_address(tensor.data_ptr()).raw
    else:
        content = tensor.numpy(force=True).tobytes()
    return content


@lru_cache(maxsize=64)
def _room(size: int) -> Any:
    """The type of so many bytes somewhere in memory: the quickest way that Python has to copy them."""
    return ctypes.c_char * size


def as_data(tensor: Tensor) -> list[Any]:
    """A tensor as [code, shape, bytes]."""
    if tensor.dtype not in CODES:
        raise TypeError(f"tensors of type {tensor.dtype} cannot be sent")
    return [CODES[tensor.dtype], list(tensor.shape), content_of(tensor)]


def as_tensor(data: Any, code: int | None = None, shape: tuple[int, ...] | None = None) -> Tensor:
    """A tensor from [code, shape, bytes], if need be of the code and shape that it must have.

    Raises:
        Malformed: it is no tensor, or another one.
    """
    if type(data) is not list or len(data) != 3:
        raise Malformed("its answer holds something else where a tensor is due")
    its_code, its_shape, content = data
    if type(its_code) is not int or not 0 <= its_code < len(DTYPES) or (code is not None and its_code != code):
        raise Malformed("its answer holds a tensor of the wrong type")
    if type(its_shape) is not list or len(its_shape) > _AXES or type(content) is not bytes:
        raise Malformed("its answer holds a tensor without a shape")
    if any(type(n) is not int or not 0 <= n <= 2**31 for n in its_shape):
        raise Malformed("its answer holds a tensor with an impossible shape")
    if math.prod(max(n, 1) for n in its_shape) > 2**56:  # also of no elements, as torch makes room for none of these
        raise Malformed("its answer holds a tensor with an impossible shape")
    if shape is not None and tuple(its_shape) != shape:
        raise Malformed(f"its answer holds a tensor of shape {its_shape} where {list(shape)} is due")
    return from_bytes(content, its_code, tuple(its_shape))


def from_bytes(content: bytes, code: int, shape: tuple[int, ...]) -> Tensor:
    """A tensor of its own from little-endian bytes.

    Raises:
        Malformed: there are too few or too many.
    """
    kind, dtype = DTYPES[code]
    if len(content) != math.prod(shape) * kind.itemsize:
        raise Malformed(f"its answer holds {len(content):,} bytes for a tensor of shape {list(shape)}")
    if dtype is torch.bool and content and np.frombuffer(content, np.uint8).max() > 1:
        raise Malformed("its answer holds truth values that are neither true nor false")
    return like(torch.empty(shape, dtype=dtype), content)


def like(tensor: Tensor, content: bytes) -> Tensor:
    """A tensor like another one with this content, as many bytes as it has.

    It lies where torch puts its tensors, as some kernels round by that.
    """
    fresh = torch.empty_like(tensor)
    if content:  # what is empty lies nowhere
        _room(len(content)).from_address(fresh.data_ptr()).raw = content
    return fresh


def tensors_as_data(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tensors by name as data."""
    return {str(name): as_data(tensor) for name, tensor in tensors.items()}


def as_tensors(data: Any) -> dict[str, Tensor]:
    """Tensors by name from data.

    Raises:
        Malformed: it is something else.
    """
    if type(data) is not dict or not all(type(name) is str and len(name) <= 1000 for name in data):
        raise Malformed("its answer holds something else where named tensors are due")
    return {name: as_tensor(tensor) for name, tensor in data.items()}


def read_exactly(fd: int, room: bytearray) -> bytes | memoryview:
    """The next frame, on the agent's side; it may lie in `room`, which holds `AT_ONCE` bytes, until the next call.

    Raises:
        Ended: the pipe is closed.
    """
    count = 0
    while count < 4:
        more = os.readv(fd, [memoryview(room)[count:] if count else room])
        if not more:
            raise Ended
        count += more
    (length,) = _LENGTH.unpack_from(room)
    if count == length + 4:
        return memoryview(room)[4:count]
    parts, missing = [bytes(room[4:count])], length + 4 - count
    while missing:
        piece = os.read(fd, min(missing, 1 << 20))
        if not piece:
            raise Ended
        parts.append(piece)
        missing -= len(piece)
    return b"".join(parts)


def write_exactly(fd: int, body: bytes) -> None:
    """Write a frame, on the agent's side."""
    frame = _LENGTH.pack(len(body)) + body
    written = os.write(fd, frame)
    while written < len(frame):
        written += os.write(fd, memoryview(frame)[written:])


class Awake:
    """A short wait without sleeping, at either end of a pipe.

    Where both ends have a core of their own, it takes a few microseconds to see an answer and tens to be woken by it.
    Where they share one, the other end cannot work meanwhile; so each wait in vain makes the next ones rarer.
    """

    def __init__(self, fd: int) -> None:
        readable = select.poll()
        readable.register(fd, select.POLLIN)
        self._readable = readable.poll
        self._pause = self._left = 0  # waits that are left out after one in vain, and how many of them are still due

    def wait(self) -> bool:
        """Whether there is something to read; False also where it was not worth a look."""
        if self._left:
            self._left -= 1
            return False
        end = _clock() + _AWAKE
        while not self._readable(0):
            if _clock() > end:
                self._left = self._pause = min(2 * self._pause + 1, _RAREST)
                return False
        self._pause //= 2
        return True


class Line:
    """The referee's ends of the two pipes to an agent's process; it never waits longer than it is told.

    Args:
        inward: file descriptor to read answers from; it becomes its own.
        outward: file descriptor to write questions to; it becomes its own.
    """

    def __init__(self, inward: int, outward: int) -> None:
        self._in, self._out = inward, outward
        os.set_blocking(inward, False)
        os.set_blocking(outward, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(inward, select.POLLIN)
        self._awake = Awake(inward)
        self._writable.register(outward, select.POLLOUT)

    def close(self) -> None:
        """Close both ends."""
        for fd in (self._in, self._out):
            if fd >= 0:
                os.close(fd)
        self._in = self._out = -1

    def send(self, body: bytes, patience: Callable[[], float]) -> None:
        """Write a frame; `patience` says how many seconds to wait, or raises.

        Raises:
            Ended: the other side is gone.
        """
        head = _LENGTH.pack(len(body))
        try:
            try:
                written = os.writev(self._out, (head, body))
            except BlockingIOError:
                written = 0
            if written != len(body) + 4:
                self._send_rest(memoryview(head + body)[written:], patience)
        except BrokenPipeError:
            raise Ended from None

    def _send_rest(self, rest: memoryview, patience: Callable[[], float]) -> None:
        while rest:
            self._writable.poll(1000 * patience())
            with suppress(BlockingIOError):
                rest = rest[os.write(self._out, rest) :]

    def receive(self, limit: int, patience: Callable[[], float]) -> bytes:
        """The next frame, of at most `limit` bytes, with nothing behind it.

        Raises:
            Malformed: it says that it is longer, or there is something behind it.
            Ended: the other side is gone.
        """
        most = min(AT_ONCE, limit + 5)  # one more than is due shows that there is more
        start = self._take(most) if self._awake.wait() or self._readable.poll(_QUICK) else self._read(most, patience)
        while len(start) < 4:
            start += self._read(AT_ONCE, patience)
        (length,) = _LENGTH.unpack_from(start)
        if len(start) == length + 4 <= limit + 4:
            return start[4:]
        if length > limit:
            raise Malformed(f"its answer claims {length:,} bytes where at most {limit:,} are due")
        missing = length + 4 - len(start)
        parts = [start]
        while missing > 0:
            parts.append(self._read(min(missing, 1 << 20), patience))
            missing -= len(parts[-1])
        if missing < 0:
            raise Malformed("its answer is followed by more than was asked for")
        return b"".join(parts)[4:]

    def _read(self, most: int, patience: Callable[[], float]) -> bytes:
        # patience is asked each time, or who sends a byte now and then would never be late
        while not self._readable.poll(1000 * patience()):
            pass
        return self._take(most)

    def _take(self, most: int) -> bytes:
        content = os.read(self._in, most)
        if not content:
            raise Ended
        return content
