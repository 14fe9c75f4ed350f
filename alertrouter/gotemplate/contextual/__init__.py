"""Contextual escaping, as Go's html/template does it.

A template is read as the HTML it will become. Every value it prints goes through the escapers that its place asks for:
element text, an attribute, a URL, a script, a style. What the template's author wrote is trusted, what it prints is not.

    context.py      where in an HTML document a template is
    transitions.py  how literal text moves from one context to the next; steps*.py have the rules of each language
    attributes.py   what kind of value an attribute holds
    analysis.py     the walk over a template's tree that chooses the escapers
    escapers.py     the escapers themselves; css.py, script.py and url.py have the harder ones
"""

from alertrouter.gotemplate.contextual.analysis import Analysis
from alertrouter.gotemplate.contextual.escapers import ESCAPERS

__all__ = ["ESCAPERS", "Analysis"]
