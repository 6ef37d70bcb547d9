//! `fastenv-node`: the core as a program of its own, for nodes without Python.

fn main() {}
