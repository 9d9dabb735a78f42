from collections.abc import Iterator

import pytest

from compose_stack import Stack
from compose_stack import stack as running
from servers import need_docker


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    need_docker()
    with running(tmp_path_factory.mktemp("secrets")) as made:
        yield made
