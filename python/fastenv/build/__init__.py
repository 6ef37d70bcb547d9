"""Wheels of what no index has: local projects are built, what is installed is packed up again.

installed_files   which files of this machine a distribution consists of
repack            those files as the contents of a wheel; egg_metadata: of an .egg-info
wheel_file        contents to bytes, always the same ones

``fastenv.lock`` decides what is made here, and brings it to its place.
"""
