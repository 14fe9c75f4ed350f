"""The wording of messages: what templates see, the functions they call, and the defaults.

Start at `templates.Templates`; the language itself is `alertrouter.gotemplate`.
"""
