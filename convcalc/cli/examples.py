"""Lines to try of each command, with what they answer. Each of them is run by a test."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    ("params 'conv 3->64 k3 p1'", "how many parameters"),
    ("compare 'conv 64 k3' 'dwconv k3 | conv 64 k1' --input 64x56x56", "what a separable one saves"),
    ("padding --kernel 3 --dilation 16", "what padding keeps the size"),
    ("transposed --from 32 --to 64", "which transposed convolutions double it"),
    ("summary resnet50", "a whole network, block by block"),
)
"""Five lines for somebody who knows nothing of convcalc yet."""

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "summary": (
        ("resnet50 --depth 1", "a published network, its stages"),
        ("'conv 16 k3 | bn | relu | flatten | linear 10' --input 3x32x32", "one that you write"),
        ("vgg16 --sort macs --top 5", "the five layers that cost most"),
    ),
    "params": (
        ("'conv 3->4 k3 bias=false'", "of one layer"),
        ("'conv M->N k=K' --notation unicode", "as a formula in letters"),
        ("'nn.Conv2d(16, 33, (3, 5), stride=2)'", "of a call that you paste"),
    ),
    "flops": (
        ("mobilenet_v2 --depth 1", "MACs, FLOPs and operations by kind"),
        ("resnet18 --input 3x448x448", "at another size"),
        ("'conv 64 k3 p1' --input 3xHxW", "as a formula of the size"),
    ),
    "conventions": (
        ("convnext_tiny", "what six counters print of it, and why"),
        ("mobilenet_v2 --as thop --sources", "one of them, with where its rules stand"),
        ("'conv 8 k3 | bn | relu' --input 3x32x32 --exact", "of one that you write, every digit"),
    ),
    "shapes": (
        ("unet", "what goes into each layer and what comes out"),
        ("'conv 8 k3 s2 p1 | maxpool k2' --input 3x65x65", "where a size is rounded"),
        ("resnet18 --layer 'layer2*'", "of some layers"),
    ),
    "sizes": (
        ("unet", "which sizes of the input work"),
        ("unet --near 700", "the nearest ones"),
        ("'conv 8 k3 s2 | conv 8 k3 s2' --input 3x64x64", "of one that you write"),
    ),
    "memory": (
        ("resnet50 --depth 1", "parameters, and what is alive layer by layer"),
        ("unet --by-resolution", "the largest tensor at each resolution"),
        (
            "resnet18 --training --optimizer adam --batch 32",
            "a training step: what is saved, gradients, peak",
        ),
    ),
    "cost": (
        ("mobilenet_v2 --device a100", "what bounds each layer, and the least time"),
        ("mobilenet_v2 resnet18 --device snapdragon-865", "two networks on one device"),
        ("'conv N k1 bias=false' --input MxHxW", "bytes that move, as a formula"),
    ),
    "run": (
        ("'conv 4 k3 | relu' --input 3x8x8", "shape and statistics of every tensor"),
        ("lenet5 --seed 7", "with other random weights"),
        ("'avgpool k2' --input 1x4x4 --json", "for a program"),
    ),
    "verify": (
        ("'conv 8 k3 s2 p1 | bn | relu' --input 3x9x9", "every number by formula and by execution"),
        ("--random 20 --seed 1", "twenty layers drawn at random"),
        ("--law 1", "a law of the field, executed"),
    ),
    "compare": (
        ("'conv 64 k3' 'dwconv k3 | conv 64 k1' --input 64x56x56", "standard and separable"),
        ("resnet50 mobilenet_v2", "two networks"),
        ("resnet18 resnet34 resnet50 --baseline resnet18", "several with one"),
    ),
    "rf": (
        ("vgg16", "what a pixel of each layer sees"),
        ("resnet50 --layer layer3", "of one layer or block"),
        ("'conv 8 k3 | conv 8 k3 d2' --at 5,5 --input 3x32x32", "which pixels, of one position"),
    ),
    "padding": (
        ("--kernel 3 --dilation 16", "the padding that keeps the size"),
        ("--kernel 4 --stride 2 --from 65 --to 32", "the one between two sizes"),
        ("resnet18", "the check of a network"),
    ),
    "variants": (
        ("'conv 128->128 k3 p1' --input 128x56x56", "every way to replace it, with what it saves"),
        ("'conv 64->128 k5 p2' --input 64x32x32 --specs", "the specs alone, to paste"),
        ("vgg16 --layer features.stack3.conv1", "of one layer of a network"),
    ),
    "check": (
        ("mobilenet_v2 --max-params 5M --max-macs 320M", "whether limits hold"),
        ("resnet18 --max-memory 64MiB --min-rf 224", "memory, and what a pixel sees"),
        ("resnet34 --against resnet50 --grow 5%", "not larger than another, or than main.json"),
    ),
    "dilation": (
        ("2 2 2", "whether rates leave holes, and which close them"),
        ("--reach 31 --count 4", "rates that reach a field"),
        ("1 2 5 --map", "with a map of what is seen"),
    ),
    "fit": (
        ("mobilenet_v2 --var alpha=0.25..1.4 --max-macs 300M", "the widest within a limit"),
        (
            "'conv 32 k3 | conv 64 k3' --input 3x64x64 --resolution 16..256 --max-macs 100M",
            "the largest input",
        ),
        ("resnet50 --batch --max-memory 24GB --training", "the largest batch that trains"),
    ),
    "transposed": (
        ("--from 8 --to 16", "every good way to double"),
        ("--like 'conv 64 k3 s2 p1' --from 32", "the one that inverts a layer's shape"),
        ("dcgan_generator", "checkerboards and costs of a network"),
    ),
    "explain": (
        ("conv", "what a layer does, with its formulas"),
        ("'conv 64 k7 s2 p3' --input 3x224x224", "the same with the numbers put in"),
        ("'depthwise separable' --input 64x56x56 --set K=5", "why it is cheaper, with your numbers"),
    ),
    "draw": (
        ("'conv 1 k3 s2 p1' --input 1x7x7 -o conv.svg", "a window at work"),
        ("'convT 1 k3 s2 p1' --input 1x4x4 -o transposed.svg", "zeros between, padding around"),
        ("'conv 1 k3 d2 | conv 1 k3 d2' --input 1x15x15 -o holes.svg", "what two dilated ones skip"),
    ),
    "list": (
        ("resnet", "whatever is called like that"),
        ("layers", "every layer, with what it takes"),
        ("networks --json", "for a program"),
    ),
    "show": (
        ("resnet18", "the document of a network"),
        ("bottleneck", "the text of a block"),
        ("lenet5 --expand", "every layer in a line of its own"),
    ),
    "export": (
        ("lenet5 -o lenet5.py", "PyTorch source"),
        ("mobilenet_v2 -o mobilenet_v2.onnx", "an ONNX model with random weights"),
        ("'conv 8 k3 | relu' --input 3x32x32 -o small.yaml", "a document"),
    ),
    "schema": (
        ("", "JSON Schema of the document form"),
        ("-o schema.json", "as a file, for an editor"),
        ("--json", "for a program"),
    ),
    "page": (
        ("resnet50 -o resnet50.html", "one file to open, or to send"),
        ("resnet50 mobilenet_v2 -o both.html", "two networks side by side"),
        ("'conv 64 k3 p1 | relu' --input 3x32x32 -o layer.html", "of a layer that you write"),
    ),
    "serve": (
        ("", "the calculator in the browser"),
        ("resnet50", "with a network to start from"),
        ("--site calculator", "as files that anyone can host"),
    ),
}
