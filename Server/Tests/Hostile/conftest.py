"""Servers for attacks, and what an attack may cost afterwards."""

import resource

import pytest
from attack import Server, check_costs


def pytest_addoption(parser):
    parser.addoption("--many", type=int, default=300, help="connections of an attack")


@pytest.fixture
def many(request):
    """The connections of an attack: few by default, so that the tests take seconds."""
    wanted = request.config.getoption("--many")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    assert wanted + 100 < most, "raise the limit of open files: ulimit -Hn"
    return wanted


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("shared"))
    for _ in range(20):
        server.infer()
    yield server
    assert server.stop() == 0


@pytest.fixture
def server(shared):
    """A server that is as well after the test as before it."""
    descriptors, memory = shared.descriptors(), shared.memory()
    yield shared
    assert shared.latency() < 100
    check_costs(shared, descriptors, memory)


@pytest.fixture
def start_server(tmp_path):
    """Starts a server with options of its own."""
    servers = []

    def start_server(*options):
        servers.append(Server(tmp_path, *options))
        return servers[-1]

    yield start_server
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0
