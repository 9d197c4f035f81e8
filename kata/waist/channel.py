"""Length-prefixed messages on a socket: four bytes that say how long, then the message."""

import socket
import struct

from kata.waist.codec import MAX_MESSAGE, CodecError

_HEADER = struct.Struct("<I")


class Closed(Exception):
    """The other side is gone."""


class Inbox:
    """Puts messages together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, piece: bytes) -> None:
        self._data += piece

    def take(self) -> bytes | None:
        """The next whole message, or None while it is not all there; CodecError when it is too long."""
        if len(self._data) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._data)
        if length > MAX_MESSAGE:
            raise CodecError(f"a message of {length:,} bytes; at most {MAX_MESSAGE:,} cross")
        end = _HEADER.size + length
        if len(self._data) < end:
            return None
        message = bytes(self._data[_HEADER.size : end])
        del self._data[:end]
        return message


def framed(data: bytes) -> bytes:
    """One message as it goes over the wire."""
    return _HEADER.pack(len(data)) + data


def send(sock: socket.socket, data: bytes) -> None:
    """Send one message; Closed when the other side is gone or does not read."""
    try:
        sock.sendall(framed(data))
    except OSError as error:
        raise Closed(str(error)) from error


def receive(sock: socket.socket, inbox: Inbox) -> bytes:
    """Wait for the next message, however long it takes."""
    while (message := inbox.take()) is None:
        try:
            piece = sock.recv(2**18)
        except OSError as error:
            raise Closed(str(error)) from error
        if not piece:
            raise Closed("end of stream")
        inbox.add(piece)
    return message
