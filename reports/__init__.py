"""A result document as something to read: HTML, Markdown, CSV, SVG and a terminal table.

Every form is a pure function of the document. Nothing here measures, estimates or
decides, and nothing here reads a file but its own templates.
"""
