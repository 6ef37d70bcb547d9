//! Links, devices and dangerous bits: whatever an entry says that it is, it becomes a plain, sealed file.

use std::process::Command;

use crate::unpacked::Lab;
use crate::zip_writer::{Part, wheel};

#[test]
fn every_mode_becomes_0444_or_0555() {
    for (mode, expected) in [
        (0o100_644, 0o444),
        (0o100_600, 0o444),
        (0o100_000, 0o444),
        (0, 0o444),
        (0o100_755, 0o555),
        (0o100_700, 0o555),
        (0o100_001, 0o555),
        (0o755, 0o555),
        (0o104_755, 0o555), // set-user-id
        (0o102_644, 0o444), // set-group-id
        (0o107_777, 0o555),
        (0o020_666, 0o444), // character device
        (0o060_660, 0o444), // block device
        (0o010_644, 0o444), // fifo
        (0o140_755, 0o555), // socket
        (0o040_755, 0o555), // directory by its mode, file by its name
    ] {
        let lab = Lab::new();
        lab.unpack(wheel(vec![Part::stored("a", b"content").with_mode(mode)]).bytes()).unwrap();
        assert_eq!(lab.files()["site/a"], (b"content".to_vec(), expected), "{mode:o}");
    }
}

#[test]
fn the_umask_does_not_matter() {
    let me = std::env::current_exe().unwrap();
    for umask in ["077", "027", "022", "000"] {
        let script =
            format!("umask {umask} && exec \"$0\" --exact attacks::modes::every_mode_becomes_0444_or_0555");
        let ran = Command::new("sh").args(["-c", &script]).arg(&me).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && told.contains("1 passed"), "umask {umask}: {told}");
    }
}

#[test]
fn modes_that_were_not_made_on_unix_mean_nothing() {
    let lab = Lab::new();
    let part = Part::stored("a", b"x").with_mode(0o100_755).with(|header| header.host = 0);
    lab.unpack(wheel(vec![part]).bytes()).unwrap();
    assert_eq!(lab.files()["site/a"].1, 0o444);
}

#[test]
fn a_link_is_a_file_that_holds_its_target() {
    let lab = Lab::new();
    let link = Part::stored("link", b"/etc").with_mode(0o120_777);
    lab.unpack(wheel(vec![link]).bytes()).unwrap();
    assert_eq!(lab.files()["site/link"], (b"/etc".to_vec(), 0o555));
}

#[test]
fn a_file_through_a_link_is_refused() {
    let link = Part::stored("link", b"..").with_mode(0o120_777);
    let through = Part::stored("link/x", b"x");
    crate::unpacked::refused(&wheel(vec![link, through]), "\"link\"", "a directory of another entry");
}
