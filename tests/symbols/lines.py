"""Lines of the spec language with symbols in every place that takes one, for every layer."""

from __future__ import annotations

from typing import Any

from tests.layers.registry import ELEMENTWISE

LINES: dict[str, tuple[str, ...]] = {
    "MxHxW": (
        "conv M->N kK bias=false",
        "conv N kKxL sS pP",
        "conv N k3 s2 p1 | conv N k3 s2 p1 | conv N k3 s2",
        "conv N k7 s2 p3 | maxpool k3 s2 p1 | conv N k1 s2",
        "conv N kK dD p=same",
        "conv N k3 sS p=same",
        "conv N kK sS p=same_lower",
        "conv N k5 s3 dD p=same",
        "conv N kK p=full",
        "conv N kK dD p=causal",
        "conv N k3 p=P:Q",
        "conv N k3 d16 p16",
        "conv N k5 s3 p2 d2 g=G",
        "conv 6*M k3 g=M",
        "conv N k3 pP padding_mode=reflect",
        "conv N k3 pP padding_mode=circular",
        "dwconv kK sS pP",
        "dwconv k3 p1 multiplier=N",
        "dwconv out=2*M k3",
        "convT N kK sS pP op=Q",
        "convT N k4 s2 p1 g=G",
        "convT N k3 sS p=same",
        "convT N k3 sS dD p=1:0",
        "linear N axis=channels",
        "flatten | linear N",
        "linear N axis=-1 | ln axis=(0,2) | linear K axis=1 | bn axis=-1",
        "maxpool kK sS pP dD",
        "maxpool k3 s2 ceil=true",
        "maxpool k2 | maxpool k3 s2 | maxpool k2 s2",
        "identity id=x | matmul transpose_b=true with=x | softmax axis=2 | matmul with=x",
        "maxpool k2 id=p | conv M k3 p1 | unpool k2 with=p.indices",
        "avgpool kK sS p=same",
        "avgpool k2 ceil=true | avgpool k2",
        "lppool norm=2 kK sS",
        "globalavgpool | globalmaxpool | linear N axis=channels",
        "adaptiveavgpool size=7",
        "adaptivemaxpool size=(K,L)",
        "bn | relu | gn G | instancenorm | ln | lrn 5 | scale",
        " | ".join(ELEMENTWISE),
        "mul 0.5 | sub 1/M reverse=true | div in | pow 2 | maximum H | minimum 3 | l2norm axis=-1 | clip 0 6",
        "conv N k1 | globalavgpool | conv M k1 | sub with=input | div with=input | pow with=input",
        "reshape (1,M,H,W) id=r | maximum with=input | minimum from=[input,r] | conv N k1x2x2",
        "softmax",
        "rmsnorm | rmsnorm over=channels",
        "unfold kK sS pP dD | conv N k1",
        "unfold k2 s2 | fold size=(H,W) k2 s2",
        "conv 2*K*K kK sS id=o | deformconv N kK sS from=[input,o]",
        "conv 18 k3 p1 id=o | conv 9 k3 p1 from=input id=m | deformconv N k3 p1 from=[input,o,m]",
        "softmin axis=1 | logsoftmax | threshold 0.5 2",
        "conv 2*N k1 | glu | prelu shape=(N,1,W)",
        "upsample scale=2 mode=linear | upsample scale=K",
        "upsample scale=K/L | conv N k1",
        "upsample scale=1.5 | upsample size=(K,L) mode=cubic",
        "upsample size=40x40 mode=spline",
        "pixelshuffle K | conv N k3",
        "pixelunshuffle K | conv N k3 p1",
        "shift kK | shuffle G | permute (0,2,1)",
        "pad p=P:Q | conv N k3 | crop size=(K,L)",
        "crop amounts=P | slice start=1 stop=M",
        "roll -3 axis=1 | flip axis=(1,2) | tile (1,2,K) | conv N k3",
        "globalavgpool | expand (-1,H,W) | conv N k3",
        "identity id=a | stack axis=1 with=a | unstack axis=1 id=u | add from=[u.0,u.1]",
        "mean axis=1 keep=true | sum axis=2 keep=true | max axis=0",
        "var axis=(1,2) | norm | prod",
        "norm axis=(0,1) p=1 | min",
        "std axis=2 correction=0 | norm p=inf axis=0 | argmax",
        "argmin axis=0",
        "param MxHxW id=p | const (2*M,H,W) value=2 id=c | const MxHxW id=d | concat from=[p,c,d,input]",
        "param (M,1,1) id=p | mul with=input | add with=p | conv N k1",
        "embedding M->N | gather KxL axis=1 | gather index=(0,2,0) axis=-2",
        "param NxL id=t | gather axis=0 from=[t,input]",
        "pad p=P:Q axis=0 | pad p=1xP axis=(2,0) | crop amounts=P axis=0 | rmsnorm axis=(1,2) | scale axis=1",
        "split (G,M-G) id=s | concat from=[s.1,s.0]",
        "reshape (M*2,H//2,W) | conv N k1",
        "conv N kK p=same id=a | conv N k1 | add with=a | mul with=a | concat from=[a,a]",
        "conv out=make_divisible(M*3,8) k1 | conv out=max(N,in//4) k3 p1",
        "conv out=round(M/3)+1 k1 | conv out=min(in,N) k1 | conv out=floor(in*2/3)+1 k1",
    ),
    "MxH": (
        "rnn N layers=2 | lstm N axis=-1 bias=false",
        "lstm N layers=2 bidirectional=true projection=P recurrent_bias=false | gru N layers=3",
        "gru N axis=1 bidirectional=true id=a | linear K axis=channels | concat from=[a.h,a.h]",
        "conv N kK sS pP | maxpool kK",
        "conv N kK d4 p=causal | upsample scale=2",
    ),
    "MxDxHxW": ("conv N k3 s2 p1 | maxpool k2", "conv N kKx1xL p=same | convT N k2 s2"),
}
"""Lines by the shape that goes in. D, H and W are sizes where the shape has them, else small numbers."""

SMALL = ["K", "L", "S", "P", "Q", "D", "G"]
CHANNELS = ["M", "N"]


def names(shape: str, line: str) -> list[str]:
    """The symbols of a line and its input."""
    import re

    return sorted(
        set(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", f"{shape.replace('x', ' ')} {spaced(line)}"))
    )


def spaced(line: str) -> str:
    """The line with the letters of short options apart from their symbols."""
    import re

    return re.sub(r"\b([kspdg]|op)(?=[A-Z])", r"\1 ", line.replace("->", " ")).replace("x", " ")


def cases() -> list[tuple[str, str]]:
    """Every line with its input."""
    return [(shape, line) for shape, lines in LINES.items() for line in lines]


def value_of(value: Any, values: dict[str, Any]) -> Any:
    """A symbolic or plain value at numbers."""
    return value.subs(values) if hasattr(value, "subs") else value
