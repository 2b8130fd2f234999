"""A results folder as a static site: every number beside the paper's, with its origin."""

from mvemotion.report.site import build_report

__all__ = ["build_report"]
