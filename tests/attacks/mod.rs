//! Hostile archives, a file for each family: every one is refused or harmless, the artifact and the entry are named,
//! and nothing is outside the tree.

mod conda;
mod directory;
mod modes;
mod names;
mod sizes;
mod wheels;
