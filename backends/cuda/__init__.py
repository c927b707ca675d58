"""The cuda backend."""

# how kernels are compiled: without contraction of a * b + c, so that draws are the same bits everywhere; M_FMA asks for it
OPTIONS = ("-std=c++17", "--fmad=false")
