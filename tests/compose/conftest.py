from collections.abc import Iterator

import pytest

from compose_stack import Stack
from compose_stack import stack as running
from servers import docker_answers


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not docker_answers():
        pytest.skip("Docker does not answer")
    with running(tmp_path_factory.mktemp("secrets")) as made:
        yield made
