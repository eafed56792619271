//! The parameters of a handler, all of them: each from the event or its context, the last perhaps from the arguments.

use super::{Event, FromArgs, FromEvent, Needs, Reject};

/// Parameters that can be taken from an event in the context `C`: a tuple of [`FromEvent`]s, the last a [`FromArgs`].
///
/// `M` only tells its implementations apart.
pub trait Params<C, M>: Sized {
    /// Takes them, in their order.
    ///
    /// # Errors
    ///
    /// [`Reject`]: the first that could not be taken.
    fn take(event: &Event<'_, C>) -> Result<Self, Reject>;

    /// What must have been provided by the time of `build`.
    fn needs(needs: &mut Needs);
}

impl<C> Params<C, ()> for () {
    fn take(_event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(())
    }

    fn needs(_needs: &mut Needs) {}
}

macro_rules! params {
    ($($A:ident),* ; $L:ident) => {
        impl<C, M, $($A,)* $L> Params<C, (M,)> for ($($A,)* $L,)
        where
            $($A: FromEvent<C>,)*
            $L: FromArgs<C, M>,
        {
            fn take(event: &Event<'_, C>) -> Result<Self, Reject> {
                Ok(($($A::from_event(event)?,)* $L::from_args(event)?,))
            }

            fn needs(needs: &mut Needs) {
                $($A::needs(needs);)*
                $L::needs(needs);
            }
        }
    };
}

params!(; L);
params!(A1; L);
params!(A1, A2; L);
params!(A1, A2, A3; L);
params!(A1, A2, A3, A4; L);
params!(A1, A2, A3, A4, A5; L);
params!(A1, A2, A3, A4, A5, A6; L);
params!(A1, A2, A3, A4, A5, A6, A7; L);
