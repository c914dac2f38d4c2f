#!/usr/bin/env python3
"""Writes RT-DETR-R50 with random weights, as ONNX, and its card: scripts/rtdetr-r50.py DIR

For speed alone: what it finds means nothing. It is the network that NVIDIA publishes stream counts of. Needs torch,
transformers and onnx."""
import pathlib
import sys

import torch
from transformers import RTDetrConfig, RTDetrForObjectDetection

SIZE = 640
CARD = f"""task: detection
family: detr
file: rtdetr-r50.onnx
description: RT-DETR-R50, random weights
input: {{ name: images, shape: [3, {SIZE}, {SIZE}], colour: rgb, range: [0, 1], fit: stretch }}
outputs:
  logits: {{ name: logits, shape: [300, 80] }}
  boxes: {{ name: boxes, shape: [300, 4] }}
threshold: 0.5
batch: 16
classes: [{", ".join(["person"] + [f"class{i}" for i in range(1, 80)])}]
"""


class Plain(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        found = self.network(pixel_values=images, return_dict=True)
        return found.logits, found.pred_boxes


def folded(convolution, norm):
    """Weights and bias of a convolution with the normalisation that follows it."""
    scale = norm.weight / (norm.running_var + getattr(norm, "eps", 1e-5)).sqrt()
    return convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def deploy(network):
    """Folds what inference needs only the product of, as RT-DETR's own export does: the backbone's frozen normalisations, which
    TensorRT would run as kernels of their own, and the two convolutions side by side in each RepVGG block."""
    count = 0
    for name, block in list(network.named_modules()):
        if hasattr(block, "convolution") and hasattr(block, "normalization"):
            old, x = block.convolution, torch.rand(1, block.convolution.in_channels, 9, 9)
            before = block(x)
            new = torch.nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding)
            new.weight.data, new.bias.data = folded(old, block.normalization)
            block.convolution, block.normalization = new, torch.nn.Identity()
            after = block(x)
        elif type(block).__name__.endswith("RepVggBlock"):
            (wide, wide_bias), (narrow, narrow_bias) = (folded(c.conv, c.norm) for c in (block.conv1, block.conv2))
            one, x = torch.nn.Conv2d(wide.shape[1], wide.shape[0], 3, padding=1), torch.rand(1, wide.shape[1], 9, 9)
            one.weight.data = wide + torch.nn.functional.pad(narrow, [1, 1, 1, 1])
            one.bias.data = wide_bias + narrow_bias
            parent, _, last = name.rpartition(".")
            merged = torch.nn.Sequential(one, block.activation)
            before, after = block(x), merged(x)
            setattr(network.get_submodule(parent), last, merged)
        else:
            continue
        torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)
        count += 1
    return count


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    network = RTDetrForObjectDetection(RTDetrConfig(use_pretrained_backbone=False, anchor_image_size=[SIZE, SIZE], num_labels=80)).eval()
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.1f} M weights")
    with torch.no_grad():
        for m in network.modules():
            if hasattr(m, "running_var"):  # as if it had been trained, so that folding them wrongly shows
                m.running_var.uniform_(.8, 1.2)
                m.running_mean.normal_(0, .1)
        print(f"{deploy(network)} blocks folded")
    torch.onnx.export(Plain(network), (torch.rand(2, 3, SIZE, SIZE),), str(folder / "rtdetr-r50.onnx"), opset_version=17, dynamo=False,
                      input_names=["images"], output_names=["logits", "boxes"],
                      dynamic_axes={name: {0: "batch"} for name in ("images", "logits", "boxes")})
    (folder / "rtdetr-r50.yaml").write_text(CARD, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
