"""Loose code: what can be imported and no package owns, packed up as overlays of an environment.

folders     which folders of the search path they are
unowned     which files of site-packages they are;  pth: a .pth file among them
files       which files of a folder;  patterns: globs as .gitignore has them
archive     a folder's files as one zip archive, the same bytes each time
"""
