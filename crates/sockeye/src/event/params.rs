//! The parameters of a handler, all of them: each from the event or its context.

use super::{Event, FromEvent, Needs, Reject};

/// Parameters that can be taken from an event in the context `C`: a tuple of [`FromEvent`]s.
pub trait Params<C>: Sized {
    /// Takes them, in their order.
    ///
    /// # Errors
    ///
    /// [`Reject`]: the first that could not be taken.
    fn take(event: &Event<'_, C>) -> Result<Self, Reject>;

    /// What must have been provided by the time of `build`.
    fn needs(needs: &mut Needs);
}

impl<C> Params<C> for () {
    fn take(_event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(())
    }

    fn needs(_needs: &mut Needs) {}
}

macro_rules! params {
    ($($A:ident),*) => {
        impl<C, $($A: FromEvent<C>),*> Params<C> for ($($A,)*) {
            fn take(event: &Event<'_, C>) -> Result<Self, Reject> {
                Ok(($($A::from_event(event)?,)*))
            }

            fn needs(needs: &mut Needs) {
                $($A::needs(needs);)*
            }
        }
    };
}

params!(A1);
params!(A1, A2);
params!(A1, A2, A3);
params!(A1, A2, A3, A4);
params!(A1, A2, A3, A4, A5);
params!(A1, A2, A3, A4, A5, A6);
params!(A1, A2, A3, A4, A5, A6, A7);
params!(A1, A2, A3, A4, A5, A6, A7, A8);
