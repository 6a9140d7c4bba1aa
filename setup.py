"""Builds the compiled half of fastpath; where no C compiler is found, the install goes on without."""

import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

EXTENSIONS = ["fastpath._json", "fastpath._rank", "fastpath._sse", "fastpath._text"]


class OptionalBuild(build_ext):
    """Compile what can be compiled, and say in one line if that was not everything."""

    def run(self) -> None:
        self.built: set[str] = set()
        super().run()
        if missing := [name for name in EXTENSIONS if name not in self.built]:
            print(
                f"WARNING: headrace: {', '.join(missing)} did not compile, so fastpath runs in plain"
                " Python, which is slower: install a C compiler (gcc), then headrace again",
                file=sys.stderr,
            )

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "unix":
            for extension in self.extensions:
                extension.extra_compile_args = ["-O3", "-Wall", "-Wextra"]
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        super().build_extension(ext)
        self.built.add(ext.name)


extensions = cythonize(
    [Extension(name, [name.replace(".", "/") + ".pyx"]) for name in EXTENSIONS], language_level=3
)
for extension in extensions:  # cythonize carries neither over
    extension.optional = True
    extension.depends = sorted(glob("fastpath/*.px[di]") + glob("fastpath/*.pyx"))

setup(ext_modules=extensions, cmdclass={"build_ext": OptionalBuild})
