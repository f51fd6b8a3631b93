"""Texts of a few hundred bytes that once took for ever, all memory, or ended in a traceback."""

from __future__ import annotations

_DOUBLED = ", ".join(f'a{i}: "[a{i - 1},a{i - 1}]"' for i in range(1, 60))
_STRIDED = (
    "input: 3x224x224\nlayers:\n  - repeat: 10\n    body:\n      - conv 8 k3 p1 s=max(H,2)\n      - relu\n"
)
_EMPTY = (
    "input: CxHxW\nlayers:\n  - repeat: 50000\n    body:\n      - branches: [[], []]\n        merge: add\n"
)
_VARIABLES = (
    "vars:\n" + "".join(f"  v{i}: {i}\n" for i in range(20_000)) + "input: 3x8x8\nlayers:\n  - relu\n"
)
_ALIASED = "a: &a [x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
)
_LOOP = "import torch.nn as nn\nlayers = []\nwhile True:\n    layers.append(nn.ReLU())\nm = nn.Identity()"
_PERMUTED = " | ".join(["permute order=(1,0,2,3)", "reshape (2,392)", "permute order=(1,0)"])

TEXTS = {
    "doubled lists": f"vars: {{a0: [1], {_DOUBLED}}}\ninput: 3x9x9\nlayers:\n  - conv len(a59) k3\n",
    "strides of sizes": _STRIDED,
    "a huge map": "input 3x99999999x99999999 | conv 8 k3 s2",
    "letters": "input 3xHxW | conv M k=K s2 | maxpool k3 s2 ceil=true",
    "many letters": "input CxHxW" + " | conv M k=K s=S p=P d=D | maxpool k=Q s=T" * 40,
    "an infinity": "input 1e399 | relu",
    "an infinity in a list": "conv 3->[1e399] k3",
    "a power": "conv 3->0.5+2**4000 k3",
    "a tower": "conv 3->9**9**9**9 k3",
    "a name": "input C_inx | relu",
    "braces": "Conv2DTranspose((2, 2), ['{i}'])",
    "empty branches": _EMPTY,
    "variables": _VARIABLES,
    "moves": f"input 8x2x7x7 | {_PERMUTED}",
    "many layers": "input 8x9x9 | " + " | ".join(["conv 8 k3 p1"] * 20_000),
    "many repeats": "input: 3x8x8\nlayers:\n  - repeat: 100000000\n    body:\n      - relu\n",
    "repeats of repeats": "input: 3x8x8\nlayers:\n" + "".join(
        f"{'    ' * i}  - repeat: 1000\n{'    ' * i}    body:\n" for i in range(8)
    ) + f"{'    ' * 8}  - relu\n",
    "aliases": _ALIASED,
    "deep brackets": "conv 3->" + "(" * 50_000 + "1" + ")" * 50_000 + " k3",
    "deep calls": "nn.Sequential(" * 5_000 + ")" * 5_000,
    "a loop": _LOOP,
    "a long list": "import torch.nn as nn\nm = nn.Sequential(*[nn.ReLU()] * 10**9)\n",
    "a long text": "input 3x9x9 | " + "conv 8 k3 p1 | " * 60_000 + "relu",
    "escapes": "name: \"\\e[31mred\\u202e\"\ninput: 3x8x8\nlayers:\n  - relu\n",
    "a half of a character": "conv \ud800 k3",
    "zero bytes": "conv 8 k3\0",
    "tags": "<img src=x onerror=alert(1)>",
    "a huge kernel": "input 1x999999999 | conv 1 k999999998 p499999999",
    "a huge adaptive pool": "input 1x9999999x9999999 | adaptiveavgpool size=999983x999983",
    "a long wave": "input 1x1000000 | " + " | ".join(f"conv 1 k3 d{2**i} p{2**i}" for i in range(17)),
}  # fmt: skip
"""The texts, by what is the matter with them."""

NO_TEXTS = (
    "/etc/passwd", "../../etc/passwd", "~/.ssh/id_rsa", "file:///etc/passwd", "C:\\Windows\\win.ini", "-",
    "/dev/zero",
    "/dev/stdin", "/proc/self/environ", "torch:os:system", "torch:builtins:exec", "torch:convcalc.cli:main",
    "setup.py", "README.md", "model.onnx", "net.yaml", "x.pt2", "./resnet50", "zoo/resnet50.yaml",
    "pyproject.toml",
    "zoo:../../etc/passwd", "http://127.0.0.1/", "\\\\host\\share\\x.yaml",
)  # fmt: skip
"""What a command may be given and a page may not: names of files and of code."""
