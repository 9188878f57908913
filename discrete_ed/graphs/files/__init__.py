"""Graph files of every format that is read; `discrete_ed.graphs.io` is the door to them.

A reader takes a `GraphFile` and returns simple graphs over `0 … n − 1`. What can't be interpreted with certainty is
refused with the way on, or noted. A file is data: nothing in it is executed.
"""
