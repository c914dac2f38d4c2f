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


def folded(layer):
    """Weights and bias of a convolution with the normalisation that follows it."""
    norm = layer.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return layer.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def deploy(network):
    """Makes one convolution of the two that stand side by side in each RepVGG block, as RT-DETR's own export does. The backbone's frozen
    normalisations stay: Sightline folds them when it loads the model."""
    blocks = [name for name, m in network.named_modules() if type(m).__name__.endswith("RepVggBlock")]
    for name in blocks:
        parent, _, last = name.rpartition(".")
        block = network.get_submodule(name)
        (wide, wide_bias), (narrow, narrow_bias) = folded(block.conv1), folded(block.conv2)
        one, x = torch.nn.Conv2d(wide.shape[1], wide.shape[0], 3, padding=1), torch.rand(1, wide.shape[1], 9, 9)
        one.weight.data = wide + torch.nn.functional.pad(narrow, [1, 1, 1, 1])
        one.bias.data = wide_bias + narrow_bias
        merged = torch.nn.Sequential(one, block.activation)
        torch.testing.assert_close(merged(x), block(x), rtol=1e-3, atol=1e-4)
        setattr(network.get_submodule(parent), last, merged)
    return len(blocks)


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
        print(f"{deploy(network)} RepVGG blocks merged")
    torch.onnx.export(Plain(network), (torch.rand(2, 3, SIZE, SIZE),), str(folder / "rtdetr-r50.onnx"), opset_version=17, dynamo=False,
                      input_names=["images"], output_names=["logits", "boxes"],
                      dynamic_axes={name: {0: "batch"} for name in ("images", "logits", "boxes")})
    (folder / "rtdetr-r50.yaml").write_text(CARD, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
