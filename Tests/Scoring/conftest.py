import pytest


@pytest.fixture
def folder(tmp_path):
    """An empty folder."""
    return tmp_path
