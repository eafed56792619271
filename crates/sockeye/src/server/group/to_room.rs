//! What a room can be named by: texts however they are held, numbers, and types of an application's own.

use std::{borrow::Cow, fmt, sync::Arc};

use super::Room;

/// Anything that names a room: a text, owned or borrowed, a number, or a `format_args!(…)` of something that is shown as
/// text, such as a UUID. A [`Room`] is shared, not copied.
///
/// Implement it for ids of your own, so that no two kinds of them can meet in one room.
///
/// # Examples
///
/// ```
/// use sockeye::server::{Room, Socket, ToRoom};
///
/// struct Game(u64);
///
/// impl ToRoom for Game {
///     fn to_room(&self) -> Room {
///         format_args!("game:{}", self.0).to_room()
///     }
/// }
///
/// fn enter(socket: &Socket, game: &Game, team: &String, seat: u32) {
///     socket.join(game);
///     socket.join(team);
///     socket.join(seat);
///     socket.join(format_args!("{}/{team}", game.0));
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a room",
    label = "not the name of a room",
    note = "a room is named by a text (`&str`, `String`, `&String`, `Arc<str>`), an integer, or `format_args!(\"{{id}}\")`; \
            implement `ToRoom` for an id of your own"
)]
pub trait ToRoom {
    /// The room's name.
    fn to_room(&self) -> Room;
}

impl<T: ToRoom + ?Sized> ToRoom for &T {
    fn to_room(&self) -> Room {
        T::to_room(self)
    }
}

impl ToRoom for Room {
    fn to_room(&self) -> Room {
        Self::clone(self)
    }
}

/// Texts, by what they are when borrowed.
macro_rules! texts {
    ($($text:ty),*) => {$(
        impl ToRoom for $text {
            fn to_room(&self) -> Room {
                Arc::from(&**self)
            }
        }
    )*};
}

texts!(String, Box<str>, Cow<'_, str>);

impl ToRoom for str {
    fn to_room(&self) -> Room {
        self.into()
    }
}

/// What is written first to be a text.
macro_rules! written {
    ($($written:ty),*) => {$(
        impl ToRoom for $written {
            fn to_room(&self) -> Room {
                self.to_string().into()
            }
        }
    )*};
}

written!(char, fmt::Arguments<'_>);
written!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(room: impl ToRoom, expect: &str) {
        assert_eq!(&*room.to_room(), expect);
    }

    #[test]
    #[expect(clippy::needless_borrows_for_generic_args, reason = "the borrows are what is tried")]
    fn texts_and_numbers_name_rooms_however_they_are_held() {
        let (text, shared): (String, Room) = ("lobby".to_owned(), "lobby".into());
        check("lobby", "lobby");
        check(&&"lobby", "lobby");
        check(&text, "lobby");
        check(text.clone(), "lobby");
        check(&shared, "lobby");
        check(Cow::Borrowed("lobby"), "lobby");
        check(&Cow::<str>::Owned("lobby".to_owned()), "lobby");
        check(text.into_boxed_str(), "lobby");
        check('é', "é");
        check(7_u64, "7");
        check(&-7_i32, "-7");
        check(u128::MAX, "340282366920938463463374607431768211455");
        check(format_args!("game:{}", 7), "game:7");
        assert!(Arc::ptr_eq(&shared, &(&&shared).to_room()), "it was copied");
    }
}
