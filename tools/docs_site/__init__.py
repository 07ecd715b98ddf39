"""What the documentation's site needs beside mkdocs.yml: its hooks and its API pages.

The pages of docs/ are written for GitHub. Whatever the site needs beyond that is added
here while it is built.
"""
