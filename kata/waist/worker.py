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

from kata.waist import channel, walls
from kata.waist.codec import MAX_MESSAGE, CodecError, Raised, decode_request, encode
from kata.waist.implementation import Implementation
from kata.waist.sources import decode_sources
from kata.waist.tensorflow_start import first_operation, import_tensorflow, prepare_to_fork, warm_up


class Order(msgspec.Struct, tag_field="do", tag="child"):
    """Fork a child that serves `implementation`; two descriptors come along: its socket and its output."""

    implementation: Implementation
    memory: int  # bytes that it may allocate beyond what the worker holds
    walled: bool = False  # whether it has walls of its own
    warm: bool = False  # whether it traces and differentiates something first, while nobody waits


class End(msgspec.Struct, tag_field="do", tag="end"):
    """Kill the child `pid` with all that it started, and say how it ended.

    One that is ending by itself has `patience` seconds to do so, and then keeps its own status.
    """

    pid: int
    patience: float


class Used(msgspec.Struct, tag_field="do", tag="used"):
    """Say how long the child `pid`, and all that it started, have kept a processor busy, how many they are, and what
    memory they hold."""

    pid: int


class OrderResult(msgspec.Struct):
    """After an Order the child's process id, 0 when it got no walls; after an End its wait status; else milliseconds.

    Milliseconds are -1 where the system does not tell.
    """

    number: int
    processes: int = 0
    memory: int = 0


_orders = msgspec.json.Decoder(Order | End | Used)


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
                fork = _fork_walled if order.walled else _fork
                number = fork(order, control, descriptors)
                children.add(number)
            elif isinstance(order, End):
                number = _end(order, children)
            else:
                control.send(msgspec.json.encode(OrderResult(*used_by(order.pid))))
                continue
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


def _fork_walled(order: Order, control: socket.socket, descriptors: list[int]) -> int:
    """As `_fork`, with a process in between that makes the walls, and takes down all behind them in the end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            control.close()
            os.close(reading)
            status = _keep_walls(order, descriptors, writing)
        finally:
            os._exit(status)
    os.close(writing)
    for descriptor in descriptors:
        os.close(descriptor)
    with open(reading, "rb") as told:
        stands = told.read() == b"walled"
    if not stands:
        os.waitpid(pid, 0)
    return pid if stands else 0


def _keep_walls(order: Order, descriptors: list[int], writing: int) -> int:
    os.setsid()
    walls.die_with_parent()
    walls.enter()
    first = os.fork()
    if first == 0:  # process 1 of the namespace: when it ends, the kernel ends all the others
        _hold_on([*descriptors, writing])
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.close(writing)
            status = serve(order, socket.socket(fileno=descriptors[0]), descriptors[1], channel.Inbox())
        finally:
            os._exit(status)
    os.write(writing, b"walled")
    os.close(writing)
    for descriptor in descriptors:
        os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL has no handler to be set
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    return os.WEXITSTATUS(status)


def _hold_on(descriptors: list[int]) -> None:
    try:
        walls.die_with_parent()
        for descriptor in descriptors:
            os.close(descriptor)
        while True:
            signal.pause()
    finally:
        os._exit(0)


def used_by(pid: int) -> tuple[int, int, int]:
    """Of the process and its descendants: for how many milliseconds they have kept a processor busy, how many they are,
    and how many bytes they hold beyond what each of them has of this process, from which they are forked.

    -1 milliseconds where that is unknown.
    """
    used: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
                used[int(name)] = int(fields[1]), sum(map(int, fields[11:15]))
    if pid not in used:
        return -1, 0, 0
    ticks = processes = memory = 0
    own = _memory_of(os.getpid())
    for each in used:
        above = each
        while above not in (pid, 0) and above in used:
            above = used[above][0]
        if above == pid:
            ticks += used[each][1]
            processes += 1
            memory += max(_memory_of(each) - own, 0)
    return ticks * 1000 // os.sysconf("SC_CLK_TCK"), processes, memory


def _memory_of(pid: int) -> int:
    """How many bytes a process holds that are no file's."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/statm", "rb") as statm:
        _, resident, of_files = map(int, statm.read().split()[:3])
        return (resident - of_files) * os.sysconf("SC_PAGE_SIZE")
    return 0


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
    walls.die_with_parent()
    if order.walled:
        walls.close_behind()
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

    try:
        sources = decode_sources(channel.receive(sock, inbox))
    except channel.Closed:
        return 0
    host = Host(order.implementation, sources)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
