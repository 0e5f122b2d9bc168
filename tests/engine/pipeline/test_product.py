"""Products beside the networks."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import hiqa_cli.engine.pipeline
from hiqa_cli.engine.pipeline.product import product


@pytest.mark.parametrize(("rows", "weights"), [((5, 7), (3, 7)), ((7,), (3, 7)), ((2, 4, 7), (7,))])
def test_a_product_is_that_of_numpy(rows: tuple[int, ...], weights: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    left, right = random.normal(size=rows), random.normal(size=weights)
    np.testing.assert_allclose(product(left, right), left @ right.T, rtol=1e-12)


def test_nothing_in_the_pipeline_waits_for_the_threads_of_blas() -> None:
    (folder,) = hiqa_cli.engine.pipeline.__path__
    for file in Path(folder).rglob("*.py"):
        operators = {
            type(node.op) for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.BinOp)
        }
        assert ast.MatMult not in operators, f"{file} multiplies matrices with @, see product.py"
