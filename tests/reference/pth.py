"""Makes tests/fixtures/tiny-zip.pth and tiny-legacy.pth: one small state dict in both of PyTorch's file formats.

Run: python tests/reference/pth.py   (PyTorch 2.15)
"""

import torch

state_dict = {
    "conv1.weight": torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2) / 8,
    "bn1.running_var": torch.tensor([0.5, 2.0], dtype=torch.float16),
    "bn1.num_batches_tracked": torch.tensor(7),
}
torch.save(state_dict, "tests/fixtures/tiny-zip.pth")
torch.save(state_dict, "tests/fixtures/tiny-legacy.pth", _use_new_zipfile_serialization=False)
