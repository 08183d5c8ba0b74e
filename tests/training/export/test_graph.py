"""The graphs of bundles are such that ONNX Runtime joins norms and activations with their convolutions."""

from pathlib import Path

import onnx
import onnxruntime
import pytest

from colorizegan.model.bundle import open_bundle


@pytest.mark.parametrize("shipped", [False, True])
def test_nothing_is_computed_that_can_be_joined(shipped: bool, exported: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "joined.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(open_bundle(None if shipped else exported).onnx, options)
    joined = onnx.load(tmp_path / "joined.onnx", load_external_data=False).graph
    kinds = {node.op_type for node in joined.node}
    assert "Conv" in kinds
    assert not kinds & {"BatchNormalization", "Cast", "Clip", "Einsum"}
