"""Requests that are not HTTP, or that two readers could understand differently."""

import json

import pytest
from attack import BODY, INFER, request

HEAD = b"POST " + INFER.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def status(response):
    """The status of a response whose body says why in one sentence."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), response[:100]
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"]
    return int(head.split()[1])


@pytest.mark.parametrize("head", [
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    HEAD + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
    HEAD + b"X" * 40_000 + b": a\r\n\r\n",
    HEAD + b"".join(b"X-%d: a\r\n" % i for i in range(200)) + b"\r\n",
    HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(40)) + b"\r\n",
], ids=["target", "value", "name", "count", "total"])
def test_giant_heads_are_answered_with_431(server, head):
    assert status(server.send(head)) == 431


@pytest.mark.parametrize("message", [
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    HEAD + b"Content-Length: 5, 6\r\n\r\nabcdef",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: +5\r\n\r\nabcde",
    HEAD + b"Content-Length: 0x5\r\n\r\nabcde",
    HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    HEAD + b"Content-Length : 5\r\n\r\nabcde",
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"zz\r\n",
    CHUNKED + b"-1\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n",
    CHUNKED + b"5\r\nabcdefgh\r\n0\r\n\r\n",
    CHUNKED + b"5 5\r\nabcde\r\n0\r\n\r\n",
    HEAD + b"X: a\r\n b\r\n\x00: c\r\n\r\n",
    HEAD + b"X: a\x00b\r\n\r\n",
    HEAD + b": a\r\n\r\n",
    b"GET / HTTP/3.7\r\n\r\n",
    b"GET /\r\n\r\n",
    b"BREW / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n\r\n\x00\x00\x00\x00",
])
def test_wrong_framing_is_answered_with_400(server, message):
    assert status(server.send(message)) == 400


def test_what_follows_a_body_is_not_part_of_it(server):
    response = server.send(request() + b"more of the body\r\n\r\n")
    first, _, rest = response.partition(b"HTTP/1.1 400")
    assert first.startswith(b"HTTP/1.1 200") and rest


def test_requests_in_a_row_are_answered_in_order(server):
    bad = b'{"inputs": []}'
    response = server.send(request() + request(bad) + request(fields=["Connection: close"]))
    statuses = [part[:3] for part in response.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"400", b"200"]


def test_a_body_in_chunks_is_read(server):
    head = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(BODY[i:i + 1000]), BODY[i:i + 1000])
                      for i in range(0, len(BODY), 1000))
    assert server.send(head + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_client_that_expects_to_continue_is_told_so(server):
    with server.connect() as connection:
        connection.sendall(
            request(fields=["Expect: 100-continue", "Connection: close"])[:-len(BODY)])
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server, expect):
    head = request(b"", fields=expect).replace(b"Length: 0", b"Length: 9000000000000")
    assert status(server.send(head)) == 413


def test_a_body_that_ends_early_is_answered_with_400(server):
    assert status(server.send(request()[:-10], half_close=True)) == 400
