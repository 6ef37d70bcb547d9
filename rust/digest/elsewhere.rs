//! Processors for which there is no code that hashes several texts at once.

use std::convert::Infallible;

use crate::digest::lanes::LANES;

/// Proof that this processor can: there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof(Infallible);

impl Proof {
    /// `None`.
    pub(crate) fn of_this_processor() -> Option<Self> {
        None
    }

    /// Is never called.
    pub(crate) fn compress(
        self,
        _states: &mut [[u32; 8]; LANES],
        _blocks: &[&[u8]; LANES],
        _count: usize,
        _len: usize,
    ) {
        match self.0 {}
    }
}
