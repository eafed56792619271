//! Shared values, one per type, that every handler can take.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
};

use super::{Event, FromEvent, Needs, Refusal, Reject};

/// A shared value given to the builder's `state`: a pool, a configuration, an `Arc<Self>`.
///
/// It is cloned for each event, so make it cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct State<T>(pub T);

/// A context that holds shared values.
pub trait HasState {
    /// The value of this type, if one was provided.
    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T>;
}

impl<C: HasState, T: Clone + Send + Sync + 'static> FromEvent<C> for State<T> {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        // `build` has checked that it is there; a handler started in any other way gets an answer too.
        event.context().state().map(Self).ok_or_else(|| {
            tracing::error!(state = type_name::<T>(), "no such state was provided");
            Reject::Refused(Refusal::new("internal error").code("internal"))
        })
    }

    fn needs(needs: &mut Needs) {
        needs.state::<T>();
    }
}

/// The values themselves: few, so a list is the fastest map.
#[derive(Default)]
pub(crate) struct States {
    values: Vec<(TypeId, Box<dyn Any + Send + Sync>)>,
}

impl States {
    /// Adds a value; a second one of the same type replaces the first.
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        self.values.retain(|(other, _)| *other != id);
        self.values.push((id, Box::new(value)));
    }

    pub(crate) fn find<T: Clone + 'static>(&self) -> Option<T> {
        let (_, value) = self.values.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.downcast_ref::<T>().cloned()
    }

    pub(crate) fn types(&self) -> Vec<TypeId> {
        self.values.iter().map(|(id, _)| *id).collect()
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("count", &self.values.len()).finish()
    }
}
