"""Clients that are slow, many, or gone."""

import socket
import struct
import time

from attack import BODY, IDLE, INFER, TRANSFER, check_costs, read_all, request


def seconds_until_closed(connection, drip=None):
    """Sends a byte of `drip` at a time until the server closes the connection."""
    start = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() < start + 20:
        try:
            if drip:
                connection.sendall(drip)
            if not connection.recv(1 << 16):
                break
        except TimeoutError:
            pass
        except OSError:
            break
    return time.monotonic() - start


def test_a_head_that_trickles_is_given_up(server):
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert seconds_until_closed(connection, b"a") < IDLE + 1


def test_a_body_that_trickles_is_answered_with_408(server):
    with server.connect() as connection:
        connection.sendall(request()[:-len(BODY)])
        start = time.monotonic()
        received = b""
        for byte in BODY:
            connection.sendall(bytes([byte]))
            connection.settimeout(0.05)
            try:
                received = connection.recv(1000)
                break
            except TimeoutError:
                pass
        assert received.startswith(b"HTTP/1.1 408")
        assert TRANSFER - 0.1 < time.monotonic() - start < TRANSFER + 1


def test_many_bodies_that_trickle_hold_up_nobody(server, many):
    connections = []
    for _ in range(min(many, 1000)):
        connections.append(server.connect())
        connections[-1].sendall(request()[:-10])
    assert server.latency() < 100
    for connection in connections:
        assert read_all(connection).startswith(b"HTTP/1.1 408")
        connection.close()


def test_chunks_without_end_are_refused(server):
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    head = (f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    start = time.monotonic()
    response = server.send(head.encode(), *[chunk] * 20_000)
    # A client that sends on and on may miss the answer, as the connection is closed.
    assert response[:12] in (b"HTTP/1.1 413", b"HTTP/1.1 408", b"")
    assert time.monotonic() - start < TRANSFER + 10


def test_a_client_that_does_not_read_is_given_up(server):
    """Asks again and again for a page until no more fits into the buffers."""
    page = b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        start = time.monotonic()
        memory = server.memory()
        try:
            while time.monotonic() < start + TRANSFER + 5:
                try:
                    connection.sendall(page * 100)
                except TimeoutError:
                    pass
        except OSError:
            pass
        assert time.monotonic() - start < TRANSFER + 5, "the connection stays open"
        assert server.memory() < memory + 32


def test_a_client_that_has_ended_its_side_is_not_waited_for(server):
    """It counts as gone: its run is ended if it is not answered yet."""
    assert server.send(request(), half_close=True)[9:12] in (b"200", b"499")


def test_clients_that_go_away_leave_nothing(server, many):
    for i in range(many):
        with server.connect() as connection:
            connection.sendall(request()[:len(request()) - (i % 3) * 100])
            if i % 2:  # The connection is reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_idle_connections_cost_little_and_are_closed(start_server, many, capsys):
    idle = 2 + many / 1000
    server = start_server("--idle-timeout", str(idle))
    server.infer()
    descriptors, memory = server.descriptors(), server.memory()
    connections = [server.connect() for _ in range(many)]
    time.sleep(0.2)
    latency = server.latency()
    each = 1e3 * (server.memory() - memory) / many
    with capsys.disabled():
        print(f"\n{many} idle connections: {each:.1f} kB each, "
              f"{latency:.1f} ms for a request beside them")
    assert latency < 100
    assert each < 40
    start = time.monotonic()
    assert all(read_all(connection) == b"" for connection in connections)
    assert time.monotonic() - start < idle + 2
    for connection in connections:
        connection.close()
    check_costs(server, descriptors, memory)


def test_connections_beyond_the_limit_wait(start_server):
    server = start_server("--max-connections", "20", "--idle-timeout", "30")
    first = [server.connect() for _ in range(20)]
    time.sleep(0.2)
    late = [server.connect() for _ in range(20)]
    for connection in late:
        connection.sendall(request(fields=["Connection: close"]))
    time.sleep(0.2)
    # An accept takes several connections at once, so a few more than 20 may be open.
    assert server.descriptors() < 60
    for connection in first:
        connection.close()
    assert all(read_all(connection).startswith(b"HTTP/1.1 200") for connection in late)
    for connection in late:
        connection.close()


def test_a_flood_is_answered_or_refused(start_server, many):
    """Every request of a flood is answered: with 429 where too many wait."""
    server = start_server("--threads", "1", "--max-queue", "1", "--idle-timeout", "30")
    server.infer()
    descriptors, memory = server.descriptors(), server.memory()
    connections = [server.connect() for _ in range(min(many, 2000))]
    for connection in connections:
        connection.sendall(request(fields=["Connection: close"]))
    responses = [read_all(connection) for connection in connections]
    for connection in connections:
        connection.close()
    statuses = {response[9:12] for response in responses}
    assert statuses == {b"200", b"429"}
    assert all(b"\r\nRetry-After: 1\r\n" in response for response in responses
               if response[9:12] == b"429")
    server.infer()
    check_costs(server, descriptors, memory)
