"""A page on this computer: drop a music video, watch it with its emotions, ask why.

`server.serve` runs it; `app.Demo` is what it serves. Needs the extra ``[demo]``.
"""
