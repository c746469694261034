"""Writes names and shapes of the parameters of torchvision's networks (needs torchvision).

    python tools/generate/torchvision_shapes.py > Tests/TrainingTests/TorchvisionShapes.txt

A line has the name of a network and its number of parameters, or, indented, the name and the shape
of a parameter or a running statistic.
"""

import torch
import torchvision

for name in ["alexnet", "vgg11", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50"]:
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        network = getattr(torchvision.models, name)(**options)
    print(name, sum(parameter.numel() for parameter in network.parameters()))
    for key, value in network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            print(f"  {key} {','.join(map(str, value.shape))}")
