"""Public names and where they are defined; :mod:`convcalc.lazy` reads this when one is first used."""

from convcalc.verification.random.run import Failure as Failure
from convcalc.verification.random.run import RandomRun as RandomRun
from convcalc.verification.random.run import verify_random as verify_random
from convcalc.verification.result import Check as Check
from convcalc.verification.result import LayerCheck as LayerCheck
from convcalc.verification.result import Verification as Verification
from convcalc.verification.run import verify as verify
from convcalc.verification.zoo import ZooRun as ZooRun
from convcalc.verification.zoo import verify_zoo as verify_zoo
