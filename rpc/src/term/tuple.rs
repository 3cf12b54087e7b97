//! Tuples.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Term;
use super::release::{Release, release};

/// A fixed number of terms. Clones share them.
#[derive(Clone, Default)]
pub struct Tuple(Option<Arc<[Term]>>);

impl Tuple {
    /// The elements, first to last.
    #[must_use]
    pub fn as_slice(&self) -> &[Term] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Term>> for Tuple {
    fn from(elements: Vec<Term>) -> Self {
        elements.into_iter().collect()
    }
}

impl<const N: usize> From<[Term; N]> for Tuple {
    fn from(elements: [Term; N]) -> Self {
        elements.into_iter().collect()
    }
}

impl FromIterator<Term> for Tuple {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Self {
        let elements: Arc<[Term]> = elements.into_iter().collect();
        Self(if elements.is_empty() { None } else { Some(elements) })
    }
}

impl Release for Tuple {
    fn release(&mut self, pending: &mut Vec<Term>) {
        if let Some(elements) = self.0.as_mut().and_then(Arc::get_mut) {
            super::release::take_containers(elements, pending);
        }
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        release(self);
    }
}
