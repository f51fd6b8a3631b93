"""Which sizes of the input a network works at."""
