"""Which sizes of the input a spec can be built at."""
