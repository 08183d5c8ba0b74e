"""bfloat16 or float32: what a setting stands for on this machine."""

from pathlib import Path

import torch


def best_precision(asked: str) -> str:
    """What "auto" stands for: "bf16-mixed" where the hardware computes in it; emulated, it is slower than float32."""
    if asked != "auto":
        return asked
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    flags = Path("/proc/cpuinfo").read_text("ascii", "replace") if Path("/proc/cpuinfo").exists() else ""
    return "bf16-mixed" if "amx_bf16" in flags or "avx512_bf16" in flags else "32-true"


def autocast(asked: str, device: torch.device) -> torch.autocast:
    """The context in which networks are run with this setting of `precision`; it may be entered again and again."""
    return torch.autocast(device.type, torch.bfloat16, enabled=best_precision(asked) == "bf16-mixed")
