"""The C extensions, which setup.cfg cannot declare; all else is there.

They are optional: where no compiler is at hand, slower code that gives the same bits is used instead.
"""

from setuptools import Extension
from setuptools import setup

LIMITED_API = [("Py_LIMITED_API", "0x030B0000")]

setup(
    ext_modules=[
        Extension(
            name,
            [source],
            define_macros=LIMITED_API,
            py_limited_api=True,
            optional=True,
            extra_compile_args=["-O3"],
        )
        for name, source in (
            ("fsbench.metrics._kernel", "fsbench/metrics/_kernel.c"),
            ("fsbench.masks._png", "fsbench/masks/_png.c"),
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
