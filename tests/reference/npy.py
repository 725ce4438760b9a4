"""Makes tests/fixtures/embeddings.npy, which src/export.rs must write byte by byte: two rows of 1, 1 1/8, 1 1/4 ...

Run: python tests/reference/npy.py   (NumPy 2.4)
"""

import numpy

LENGTH = 1536

values = 1 + numpy.arange(2 * LENGTH).reshape(2, LENGTH) / 8
numpy.save("tests/fixtures/embeddings.npy", values.astype("<f4"))
