"""What `pyproject.toml` cannot say: templates, static files and the glossary are installed inside the package `advisor`."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

SHIPPED = ("templates", "static", "docs")
OURS = ("advisor", "benchmarks", "core", "simulator")


class BuildWithShippedFiles(build_py):
    """Leaves out the scripts that lie next to shipped files."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [] if package.startswith("advisor.shipped.") else super().find_package_modules(package, package_dir)


setup(
    cmdclass={"build_py": BuildWithShippedFiles},
    packages=[
        *find_packages(include=[*OURS, *(f"{name}.*" for name in OURS)]),
        *(f"advisor.shipped.{name}" for name in SHIPPED),
    ],
    package_dir={f"advisor.shipped.{name}": name for name in SHIPPED},
    package_data={
        "": ["py.typed", "*.json", "*.css", "*.html", "*.js", "*.typ"],
        "advisor.advice": ["data/**/*.json"],
        "advisor.shipped.templates": ["**/*"],
        "advisor.shipped.static": ["**/*"],
        "advisor.shipped.docs": ["glossary.md"],
    },
)
