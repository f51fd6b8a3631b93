"""Networks of the zoo as ONNX models: their values in ONNX Runtime, and what reads back.

``python -m tests.exporters.onnx_zoo`` runs all of them, or those that are named; it takes about an hour. The
slow tests run one of each family.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import convcalc
from convcalc.spec.library import zoo_names

FAMILIES: Final = [
    "cait_xxs24_224",
    "coat_tiny",
    "coatnet_0_rw_224",
    "context_module_basic",
    "conv_tasnet",
    "convit_tiny",
    "convlstm",
    "convmixer_768_32",
    "convnext_tiny",
    "convnextv2_tiny",
    "crossvit_9_240",
    "cspdarknet53",
    "dcgan_generator",
    "dcgan_discriminator",
    "deeplabv3_mobilenet_v3_large",
    "densenet121",
    "dla46_c",
    "ecaresnet50d",
    "edgenext_xx_small",
    "edsr_baseline",
    "efficientformer_l1",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "ese_vovnet19b_dw",
    "espcn",
    "eva02_tiny_patch14_224",
    "fastvit_t8",
    "fsrcnn",
    "ghostnet",
    "googlenet",
    "hrnet_w18_small",
    "inception_v3",
    "lenet5_original",
    "levit_128s",
    "lraspp_mobilenet_v3_large",
    "mixnet_s",
    "mnasnet0_5",
    "mobilenet_v1",
    "mobilenet_v3_small",
    "mobilenetv4_conv_small",
    "mobilevit_xxs",
    "mvitv2_tiny",
    "nin",
    "pix2pix_discriminator",
    "pointnet",
    "poolformer_s12",
    "pspnet_resnet50",
    "pvt_v2_b0",
    "pvt_v2_b2_li",
    "regnet_y_400mf",
    "regnetz_005",
    "repvgg_a0",
    "res2net50",
    "resmlp_12_224",
    "resnest14d",
    "resnet20",
    "resnet_v1_50",
    "rexnet_100",
    "segnet",
    "selecsls42b",
    "shiftnet_c",
    "shiftresnet20",
    "shufflenet_v1",
    "skresnet18",
    "squeezenet1_0",
    "srcnn3d",
    "srcnn_spline",
    "swin_t",
    "tcn",
    "twins_pcpvt_small",
    "unet",
    "unet3d",
    "vdsr",
    "visformer_tiny",
    "volo_d1_224",
    "wavenet",
    "xception",
    "xcit_nano_12_p16_224",
]
"""One network of a family, as a rule its smallest."""


def main(names: list[str]) -> int:
    """Print a line for each network; 1 where one differs."""
    from tests.exporters.test_onnx import TOLERANCE, at_a_small_size, worst
    from tests.exporters.test_onnx_again import differences

    bad = 0
    for name in names or sorted(zoo_names()):
        start, said = time.perf_counter(), []
        try:
            with TemporaryDirectory() as folder:
                faults = differences(convcalc.load(name), Path(folder))
            error = worst(at_a_small_size(name))
            said = [*faults[:2], f"{error:.1e}"]
            good = not faults and error < TOLERANCE
        except Exception as fault:  # a script goes on with the next
            said, good = [f"{type(fault).__name__}: {fault}"], False
        bad += not good
        print(
            f"{name:<32} {'ok' if good else 'DIFFERS'} {' '.join(said)} {time.perf_counter() - start:.1f} s"
        )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
