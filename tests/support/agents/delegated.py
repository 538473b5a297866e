"""Who ran which step, seen from the other side: the runtime holds no results of what a delegate computed."""

from __future__ import annotations

from edge.model.interpreter import DELEGATE, Network


def steps_wrongly_counted(network: Network) -> list[str]:
    """The steps whose results are there, or not, against what `operations` says of them."""
    network.invoke()
    interpreter = network._interpreter
    steps = interpreter._get_ops_details()
    handed_over = {int(t) for step in steps if step["op_name"] == DELEGATE for t in step["outputs"]}
    own = [step for step in steps if step["op_name"] != DELEGATE]
    wrong = []
    for step, operation in zip(own, network.operations(), strict=True):
        tensor = int(step["outputs"][0])
        if _has_data(interpreter, tensor) != (not operation.in_xnnpack or tensor in handed_over):
            wrong.append(f"{tensor}: {operation}")
    return wrong


def _has_data(interpreter: object, tensor: int) -> bool:
    try:
        interpreter.get_tensor(tensor)  # type: ignore[attr-defined]
    except ValueError as error:
        assert "Tensor data is null" in str(error)  # noqa: PT017
        return False
    return True
