"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
from . import Profile as Profile, profile as profile
