//! Where an artifact is to be fetched from.

use std::sync::Arc;

use crate::error::Result;
use crate::fetch::named_url;
use crate::lock::Unit;

/// Its URLs, in order: first the one that this node's settings give, if the lock only names its index.
pub(super) fn addresses(unit: &Unit<'_>) -> Result<Vec<String>> {
    let Some(file) = unit.named else { return Ok(unit.urls.to_vec()) };
    match named_url(unit.name, file) {
        Ok(own) => Ok([&[own], unit.urls].concat()),
        Err(_) if !unit.urls.is_empty() => Ok(unit.urls.to_vec()),
        Err(fault) => Err(Arc::new(fault).into()),
    }
}
