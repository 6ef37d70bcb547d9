//! `probe`: what this node has.

use fastenv::probe::{Node, cuda};
use fastenv::store::root::Root;
use serde_json::json;

use crate::arguments::Probe;
use crate::say;

/// Asked for by another process of this program, so that a driver that crashes takes nobody with it.
pub(crate) fn run_cuda_driver() -> u8 {
    match cuda::ask_library() {
        Some(version) => {
            say(&version);
            0
        }
        None => 1,
    }
}

pub(crate) fn run(arguments: &Probe) -> u8 {
    let node = Node::new(&arguments.overrides.all, std::env::current_exe().ok());
    let root = Root::choose(arguments.of.root.as_deref());
    let root = root.map(|root| root.writable.display().to_string()).map_err(|fault| fault.to_string());
    if arguments.of.json {
        say(&row(&node, root.as_ref().ok().map(String::as_str)).to_string());
        return 0;
    }
    let processor = node.microarchitecture();
    let level = processor.level().filter(|level| *level != processor.name);
    let level = level.map_or_else(String::new, |level| format!(" ({level})"));
    let absent = || "none".to_owned();
    let lines = [
        ("glibc", node.glibc().unwrap_or_else(absent)),
        ("kernel", node.kernel()),
        ("processor", format!("{}{level}", processor.name)),
        ("CUDA driver", node.cuda().map_or_else(absent, str::to_owned)),
        ("store", root.unwrap_or_else(|fault| fault.replace("\n ", ""))),
    ];
    for (what, value) in lines {
        say(&format!("{what:<18}{value}"));
    }
    for (at, package) in node.virtual_packages().iter().enumerate() {
        let what = if at == 0 { "virtual packages" } else { "" };
        say(&format!("{what:<18}{package}"));
    }
    0
}

fn row(node: &Node, root: Option<&str>) -> serde_json::Value {
    let packages = node.virtual_packages();
    let packages: Vec<_> = packages
        .iter()
        .map(|it| json!({"name": it.name, "version": it.version, "build": it.build}))
        .collect();
    json!({
        "event": "node",
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "kernel": node.kernel(),
        "glibc": node.glibc(),
        "microarchitecture": node.microarchitecture().name,
        "level": node.microarchitecture().level(),
        "cuda": node.cuda(),
        "virtual": packages,
        "root": root,
    })
}
