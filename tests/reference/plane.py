"""Reference numbers for src/plane.rs: principal components by NumPy's singular value decomposition, in f64.

Run: python tests/reference/plane.py > tests/reference/plane.json   (needs numpy)

An axis's sign is free; here, as in src/plane.rs, its largest number is positive.
"""

import json

import numpy

random = numpy.random.default_rng(20261126)
vectors = (random.normal(size=(14, 9)) * [3, 0.2, 1.5, 0.3, 1, 0.2, 0.5, 0.1, 0.4] + random.normal(size=9)).round(4)
centred = vectors - vectors.mean(axis=0)
_, singular, axes = numpy.linalg.svd(centred, full_matrices=False)
axes = axes[:2] * numpy.sign([axis[numpy.abs(axis).argmax()] for axis in axes[:2]])[:, None]
print(
    json.dumps(
        {
            "vectors": vectors.tolist(),
            "places": (centred @ axes.T).round(6).tolist(),
            "shares": ((singular**2 / (singular**2).sum())[:2]).round(6).tolist(),
        }
    )
)
