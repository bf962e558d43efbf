"""Compilation of kernels: cached on disk, without the interpreter's lock (GIL), with IEEE division."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm
import numba as nb
from numba.core import ir, sigutils
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.typed_passes import AnnotateTypes

__all__ = ["FUSED", "REORDERED", "addressed", "awaits_compilation", "callback", "is_kept_on_disk", "kernel", "part"]

FUSED: Final = frozenset({"contract"})
"""A product and a sum may be rounded once (fused multiply-add); the order of operations stays as written."""
REORDERED: Final = frozenset({"contract", "reassoc", "nsz", "arcp"})
"""Sums may also be added in another order, which lets LLVM vectorise loops that accumulate. Neither set includes
`nnan` and `ninf`, which would assume that no value is NaN or infinite."""
_BORROWING: Final = frozenset({"build_tuple", "cast", "exhaust_iter", "getattr", "getitem", "phi", "static_getitem"})
"""Expressions that refer to what is there already."""
_ROOMS = ("distributions", "families", "marginal", "likelihood", "sampling")
_HERE = Path(__file__).parent
_SOURCES = tuple(
    (path.relative_to(_HERE).as_posix(), path.stat().st_mtime_ns, path.stat().st_size)
    for path in (
        *(_HERE / name for name in ("kernels.py", "kernel_address.py", "lent_record.py")),
        *(path for room in _ROOMS for path in sorted((_HERE / room).rglob("*.py"))),
    )
)
"""Every file that a kernel may depend on, and those by which it is compiled. numba checks only the kernel's own file,
and would keep using a compiled kernel after a function that it calls from another file has changed."""


def kernel(function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] = frozenset()) -> Any:
    """Compile a function that Python calls.

    Kernels and their parts use only loops over plain arrays: slices and array expressions compile slowly.

    Parameters
    ----------
    function
        The function; left out where the decorator is called with `fastmath`.
    fastmath
        LLVM's flags on the arithmetic written in this function, not in those it calls: `FUSED`, `REORDERED`, or none.
    """
    if function is None:
        return partial(_compile, called_by_python=True, fastmath=fastmath)
    return _compile(function, called_by_python=True, fastmath=fastmath)


def addressed(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call by its address, and Python not at all: it is machine code by itself."""
    return _compile(function, called_by_python=False, fastmath=frozenset(), by_address=True)


def part(
    function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] = frozenset(), inlined: bool = False
) -> Any:
    """Compile a function that kernels call, to intermediate code: machine code is made of whole kernels only.

    With `inlined`, LLVM copies it into its callers whatever its length: a loop that calls it can then be vectorised.
    """
    if function is None:
        return partial(_compile, called_by_python=False, fastmath=fastmath, inlined=inlined)
    return _compile(function, called_by_python=False, fastmath=fastmath, inlined=inlined)


def _compile(
    function: Callable[..., Any],
    *,
    called_by_python: bool,
    fastmath: frozenset[str],
    inlined: bool = False,
    by_address: bool = False,
) -> Any:
    njit: Any = nb.njit  # its type hints do not know the wrappers' options
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    options |= {"fastmath": set(fastmath) or False, "forceinline": inlined}
    if not (called_by_python or by_address):
        return _for_any_number(njit(pipeline_class=_PartCompiler, no_cpython_wrapper=True, **options)(function))
    options["no_cpython_wrapper"] = by_address
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder numba may write to: every process compiles for itself
        return njit(**options)(function)
    _stamp(compiled._cache)
    return compiled


def _for_any_number(compiled: Any) -> Any:
    """Make a part take numbers that are written out in its callers as it takes any: numba compiles it for each else."""
    find = compiled.get_call_template

    def find_for_any(arguments: Any, named: Any) -> Any:
        any_number = nb.types.unliteral
        return find(tuple(map(any_number, arguments)), {name: any_number(kind) for name, kind in named.items()})

    compiled.get_call_template = find_for_any
    return compiled


def callback(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile a function that C calls, of a signature of numba's types; it is compiled at once, or read from disk."""
    compiled: Any = CFunc(
        function, sigutils.normalize_signature(signature), locals={}, options={"error_model": "numpy"}
    )
    with suppress(RuntimeError):  # no folder numba may write to: every process compiles for itself
        compiled.enable_caching()
    _stamp(compiled._cache)
    compiled.compile()
    return compiled


def _stamp(cache: Any) -> None:
    """Make a cache on disk watch every file that a kernel may depend on."""
    file: Any = getattr(cache, "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = _SOURCES
        file._load_index = _forgetting(file._load_index)


class _PartLibrary(JITCodeLibrary):
    """Intermediate code that is linked into kernels.

    numba optimises a compiled function together with all that it calls and makes machine code of it, and does so again
    for each of its callers: parts of parts would be compiled many times over, which took a third of the time.
    """

    def _optimize_final_module(self) -> None:
        """Leave it to the kernel."""

    def _finalize_final_module(self) -> None:
        """Define the variables into which numba writes the function's environment, and nothing else."""
        self._finalize_dynamic_globals()
        names = [v.name for v in self._final_module.global_variables if v.name.startswith("_ZN08NumbaEnv")]
        self._codegen._add_module(llvm.parse_assembly("\n".join(f'@"{name}" = common global i64 0' for name in names)))
        self._codegen._engine.finalize_object()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=True)
class _LeaveUncounted(AnalysisPass):
    """Turn off the counting of references to arrays in a part that only borrows its arrays.

    numba counts a reference wherever a variable begins and ends to refer to an array, by an atomic instruction; a tuple
    of arrays takes one for each. They took a third of the time of a small model, and more where threads count the same
    arrays. A part whose calls return no arrays, and which returns none, owns none: those that it was given outlive it.
    """

    _name = "leave_uncounted"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Change how the code is about to be lowered."""
        models, types = state.targetctx.data_model_manager, state.typemap

        def refers(variable: Any) -> bool:
            return bool(models[types[variable.name]].contains_nrt_meminfo())

        assigned = [a for b in state.func_ir.blocks.values() for a in b.find_insts(ir.Assign)]
        owns = any(refers(a.target) and _makes(a.value, refers) for a in assigned)
        if not owns and not models[state.return_type].contains_nrt_meminfo():
            state.targetctx = state.targetctx.subtarget(enable_nrt=False)
        return False


def _makes(value: Any, refers: Callable[[Any], bool]) -> bool:
    """Whether an expression that refers to arrays may make one: it is neither an element, an attribute nor a view."""
    if not isinstance(value, ir.Expr):
        return False
    return value.op not in _BORROWING or (value.op == "getitem" and refers(value.index))


class _PartCompiler(Compiler):
    """numba's compiler for parts. They are not kept on disk: the kernels that contain them are."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), "part of a kernel")

    def define_pipelines(self) -> list[Any]:
        """Add the pass above to numba's."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_LeaveUncounted, AnnotateTypes)
        passes.finalize()
        return [passes]


def _forgetting(load: Callable[[], Any]) -> Callable[[], Any]:
    """Treat an index on disk that cannot be read as empty: another version wrote it, whose types no longer exist."""

    def load_or_none() -> Any:
        try:
            return load()
        except Exception:  # unpickling may raise anything; compiling again is the answer
            return {}

    return load_or_none


def awaits_compilation(compiled: Any) -> bool:
    """Whether a kernel's next call compiles it: it has no version in this process, nor a current one on disk."""
    return not (compiled.signatures or _on_disk(compiled))


def is_kept_on_disk(compiled: Any) -> bool:
    """Whether versions of a kernel are kept on disk, where other processes find them."""
    return getattr(compiled._cache, "_cache_file", None) is not None


def _on_disk(compiled: Any) -> Any:
    """Return the index of a kernel's current versions on disk."""
    file: Any = getattr(compiled._cache, "_cache_file", None)
    return getattr(file, "_load_index", dict)()
