//! Functions by their parameters: what a handler is before anybody asks where the parameters come from.

/// A function of up to eight parameters `P`, as a tuple; or one that blocks, by [`on_thread`](super::on_thread()).
///
/// It says nothing of the parameters, so that a parameter which can't be taken from an event is named as such by the
/// compiler, instead of the function as no handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can handle events",
    label = "not a handler",
    note = "a handler is an `async fn`, or an async closure that captures nothing, of up to eight parameters; it is given, \
            not called, and takes what it shares with others as `State<T>`"
)]
pub trait Function<P> {
    /// What it returns; a future, if it is async.
    type Returned;

    /// Calls it.
    fn call(&self, params: P) -> Self::Returned;
}

macro_rules! function {
    ($($A:ident),*) => {
        #[allow(non_snake_case, reason = "a type parameter's name doubles as its variable's")]
        impl<F, R, $($A),*> Function<($($A,)*)> for F
        where
            F: Fn($($A),*) -> R,
        {
            type Returned = R;

            fn call(&self, ($($A,)*): ($($A,)*)) -> R {
                self($($A),*)
            }
        }
    };
}

function!();
function!(A1);
function!(A1, A2);
function!(A1, A2, A3);
function!(A1, A2, A3, A4);
function!(A1, A2, A3, A4, A5);
function!(A1, A2, A3, A4, A5, A6);
function!(A1, A2, A3, A4, A5, A6, A7);
function!(A1, A2, A3, A4, A5, A6, A7, A8);
