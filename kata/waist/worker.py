"""The process that holds implementations: imports TensorFlow once, forks a child for each, and answers calls.

`python -m kata.waist.worker CONTROL` serves the control socket of that number. On it the judge asks for children,
each with a socket and an output pipe of its own, sent along; a child serves one implementation until its
socket closes. Nothing of a submission ever runs in the worker itself.

Where a process cannot fork, `python -m kata.waist.worker SOCKET OUTPUT` is itself the child for one implementation.
"""

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time

import msgspec

from kata.waist import channel
from kata.waist.codec import MAX_MESSAGE, CodecError, Raised, decode_request, encode
from kata.waist.implementation import Implementation
from kata.waist.tensorflow_start import first_operation, import_tensorflow, prepare_to_fork, warm_up


class Order(msgspec.Struct, tag_field="do", tag="child"):
    """Fork a child that serves `implementation`; two descriptors come along: its socket and its output."""

    implementation: Implementation
    memory: int  # bytes that it may allocate beyond what the worker holds
    warm: bool = False  # whether it traces and differentiates something first, while nobody waits


class End(msgspec.Struct, tag_field="do", tag="end"):
    """Kill the child `pid` with all that it started, and say how it ended.

    One that is ending by itself has `patience` seconds to do so, and then keeps its own status.
    """

    pid: int
    patience: float


class OrderResult(msgspec.Struct):
    """The child's process id after an Order; its wait status after an End."""

    number: int


_orders = msgspec.json.Decoder(Order | End)


def main(arguments: list[str]) -> int:
    """Serve the control socket until the judge closes it; or, given an output too, one implementation."""
    control = socket.socket(fileno=int(arguments[0]))
    import_tensorflow()
    prepare_to_fork()
    if len(arguments) > 1:
        inbox = channel.Inbox()
        order = msgspec.json.decode(channel.receive(control, inbox), type=Order)
        channel.send(control, b"ready")
        return serve(order, control, int(arguments[1]), inbox)
    gc.collect()
    gc.freeze()  # what is shared with the children is never touched by their collectors
    control.send(b"ready")
    children: set[int] = set()
    try:
        while True:
            data, descriptors, *_ = socket.recv_fds(control, 65_536, 2)
            if not data:
                return 0
            order = _orders.decode(data)
            if isinstance(order, Order):
                number = _fork(order, control, descriptors)
                children.add(number)
            else:
                number = _end(order, children)
            control.send(msgspec.json.encode(OrderResult(number)))
    except ConnectionError:
        return 0
    finally:
        for pid in children.copy():
            _end(End(pid, 0.0), children)


def _fork(order: Order, control: socket.socket, descriptors: list[int]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            control.close()
            status = serve(order, socket.socket(fileno=descriptors[0]), descriptors[1], channel.Inbox())
        finally:
            os._exit(status)
    for descriptor in descriptors:
        os.close(descriptor)
    return pid


def _end(end: End, children: set[int]) -> int:
    if end.pid not in children:
        return 0
    children.discard(end.pid)
    status = _wait(end.pid, end.patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(end.pid, signal.SIGKILL)
    if status is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(end.pid, signal.SIGKILL)
        _, status = os.waitpid(end.pid, 0)
    return status


def _wait(pid: int, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(0.005)


def serve(order: Order, sock: socket.socket, output: int, inbox: channel.Inbox) -> int:
    """Answer requests about one implementation: the whole life of a child."""
    os.setsid()
    _die_with_parent()
    first_operation()
    if order.warm:
        warm_up()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    _limit_memory(order.memory)

    from kata.waist.host import Host

    host = Host(order.implementation)
    while True:
        try:
            request = decode_request(channel.receive(sock, inbox))
        except channel.Closed:
            return 0
        reply = host.reply(request)
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        try:
            data = encode(reply)
        except (CodecError, MemoryError):
            text = f"the result is larger than the {MAX_MESSAGE // 2**20} MiB that may cross"
            data = encode(Raised("unfit", "unfit value", text, None, ""))
        channel.send(sock, data)


def _limit_memory(allowance: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm") as statm:
            held = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return  # not Linux: no way to tell what is held already, so no limit
    resource.setrlimit(resource.RLIMIT_AS, (held + allowance, held + allowance))


def _die_with_parent() -> None:
    """Where Linux offers it: no child outlives its worker."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
