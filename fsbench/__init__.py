"""fsbench: benchmark construction and evaluation for few-shot referring video object segmentation."""

__version__ = "0.2.0"
