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
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NativeLowering

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
        compiled = njit(cache=True, pipeline_class=_KernelCompiler, **options)(function)
    except RuntimeError:  # no folder numba may write to: every process compiles for itself
        return njit(pipeline_class=_KernelCompiler, **options)(function)
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


class _BorrowingLower(Lower):
    """numba's translation to LLVM, without counting references to arrays that the function was given.

    numba counts a reference wherever a variable begins and ends to refer to an array, by an atomic instruction; a tuple
    of arrays takes one for each. They took a third of the time of a small model, and more where threads count the same
    arrays. What a function was given outlives it. Only variables that may own an array are counted: those that a call
    returned, those made of such, and those that are returned.
    """

    def pre_lower(self) -> None:
        """Find the variables that only borrow."""
        super().pre_lower()
        models, typemap = self.context.data_model_manager, self.fndesc.typemap

        def refers(variable: Any) -> bool:
            return bool(models[typemap[variable.name]].contains_nrt_meminfo())

        self._counting = self.context
        self._not_counting = self.context.subtarget(enable_nrt=False)
        self._borrowed = _borrowed(self.func_ir, refers)

    def lower_inst(self, inst: Any) -> None:
        """Translate an instruction; if it assigns to a variable that borrows, without counting."""
        borrows = isinstance(inst, ir.Assign) and inst.target.name in self._borrowed
        self.context = self._not_counting if borrows else self._counting
        super().lower_inst(inst)
        self.context = self._counting

    def delvar(self, name: str) -> None:
        """End a variable, without counting if it borrows."""
        self.context = self._not_counting if name in self._borrowed else self._counting
        super().delvar(name)
        self.context = self._counting


def _borrowed(function: Any, refers: Callable[[Any], bool]) -> frozenset[str]:
    """Return the names of variables that only refer to what the function was given, or to parts of it."""
    assigned: dict[str, list[Any]] = {}
    for block in function.blocks.values():
        for inst in block.find_insts(ir.Assign):
            assigned.setdefault(inst.target.name, []).append(inst.value)
    returned = {inst.value.name for block in function.blocks.values() for inst in block.find_insts(ir.Return)}
    found, before = frozenset(assigned) - returned, None
    while found != before:
        found, before = frozenset(n for n in found if all(_borrows(v, found, refers) for v in assigned[n])), found
    return found


def _borrows(value: Any, borrowed: frozenset[str], refers: Callable[[Any], bool]) -> bool:
    """Whether a value refers to nothing but what was given and what the variables `borrowed` refer to."""
    if isinstance(value, ir.Arg):
        return True
    if isinstance(value, ir.Var):
        return value.name in borrowed or not refers(value)
    if not isinstance(value, ir.Expr):
        return False
    if value.op == "getitem" and refers(value.index):
        return False
    return value.op in _BORROWING and all(v.name in borrowed or not refers(v) for v in value.list_vars())


@register_pass(mutates_CFG=True, analysis_only=False)
class _BorrowingLowering(BaseNativeLowering):
    """The pass that translates by `_BorrowingLower`."""

    _name: Any = "borrowing_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        """What translates."""
        return _BorrowingLower


class _KernelCompiler(Compiler):
    """numba's compiler with the pass above in the place of its own."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's passes, one replaced."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(_BorrowingLowering if p is NativeLowering else p, text) for p, text in passes.passes]
        passes.finalize()
        return [passes]


class _PartCompiler(_KernelCompiler):
    """The compiler of parts. They are not kept on disk: the kernels that contain them are."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), "part of a kernel")


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
