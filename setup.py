"""Says what pyproject.toml cannot: `assets/` of the top level travels inside the package. The rest stands there."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["koe5_demo", "koe5_demo.*"]), "koe5_demo.assets"],
    package_dir={"koe5_demo.assets": "assets"},
    package_data={"koe5_demo": ["**/*.html", "**/*.txt", "**/*.md"], "koe5_demo.assets": ["**/*"]},
    exclude_package_data={"koe5_demo.assets": ["screenshot.png"]},
)
