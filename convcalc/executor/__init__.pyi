"""Public names and where they are defined; :mod:`convcalc.lazy` reads this when one is first used."""

from convcalc.executor.backward.gradients import gradient as gradient
from convcalc.executor.backward.tainting import paths as paths
from convcalc.executor.backward.tainting import poison as poison
from convcalc.executor.backward.tainting import taint as taint
from convcalc.executor.counting import Counts as Counts
from convcalc.executor.counting import NodeCount as NodeCount
from convcalc.executor.counting import count as count
from convcalc.executor.memory import MemoryEstimate as MemoryEstimate
from convcalc.executor.memory import MemoryLimitError as MemoryLimitError
from convcalc.executor.memory import estimate_memory as estimate_memory
from convcalc.executor.run import execute as execute
from convcalc.executor.weights import WeightsError as WeightsError
from convcalc.executor.weights import init_weights as init_weights
from convcalc.executor.weights import load_weights as load_weights
from convcalc.executor.windows import ExecutionError as ExecutionError
