"""Pages and endpoints: read the form, call one thing, render or redirect. One file for each set of pages.

`routes` says of every route who may come and how it is guarded; `guard` enforces it; `pages` has what every view
uses; `cookies` the browser's handles; `headers` what every answer carries; `messages` the words for reasons.
"""
