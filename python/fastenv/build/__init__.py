"""Wheels of what no index has: local projects are built, what is installed is packed up again.

    project           where the project of an editable installation is
    snapshot          the files that belong to it, and a copy of them
    backend           uv build on that copy;  built_wheel: what came of it;  build_cache: kept until it changes
    replacement       or the last build with edited files in it, where that is the same
    in_place          or the tree as it lies: for compiled extensions, and where a build fails

    installed_files   which files of this machine a distribution consists of
    repack            those files as the contents of a wheel;  egg_metadata: of an .egg-info
    wheel_file        contents to bytes, always the same ones

``fastenv.lock`` decides what is made here, and brings it to its place.
"""
