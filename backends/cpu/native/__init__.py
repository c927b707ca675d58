"""Map programs as machine code: printed to LLVM IR, compiled by llvmlite, called as CPython builtins."""
