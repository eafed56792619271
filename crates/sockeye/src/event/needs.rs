//! Wiring: what handlers need and what is provided, compared once, in `build`.

use std::any::{TypeId, type_name};

use super::{AckSender, EventName, Handler, RawArgs};

/// Collects what the parameters of a handler need.
#[derive(Debug, Default)]
pub struct Needs {
    needs: Vec<Need>,
}

#[derive(Debug)]
enum Need {
    State { id: TypeId, name: &'static str },
    Data { id: TypeId, name: &'static str },
    Place { parameter: &'static str, allowed: &'static [Place], instead: &'static str },
}

/// Where a handler is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// As the handler of a connecting socket.
    Connect,
    /// As the handler of an event.
    Event,
    /// As the handler of a socket that is gone.
    Disconnect,
}

impl Needs {
    /// What the parameters of this handler need.
    pub(crate) fn of<C, M, H: Handler<C, M>>() -> Self {
        let mut needs = Self::default();
        H::needs(&mut needs);
        needs
    }

    /// A shared value of this type, given to the builder's `state`.
    pub fn state<T: 'static>(&mut self) {
        self.needs.push(Need::State { id: TypeId::of::<T>(), name: type_name::<T>() });
    }

    /// A socket's own value of this type, returned by the connect handler.
    pub fn data<T: 'static>(&mut self) {
        self.needs.push(Need::Data { id: TypeId::of::<T>(), name: type_name::<T>() });
    }

    /// This parameter makes sense only in these places; `instead` is what to do in others, as a sentence without its end.
    pub fn place(
        &mut self,
        parameter: &'static str,
        allowed: &'static [Place],
        instead: &'static str,
    ) {
        self.needs.push(Need::Place { parameter, allowed, instead });
    }
}

/// Types that handlers are given anyway, so that nobody provides them as states, with the parameter to take instead.
pub(crate) type Given = [(TypeId, &'static str)];

/// Those of every context.
const GIVEN: &Given = &[
    (TypeId::of::<AckSender>(), "ack: AckSender"),
    (TypeId::of::<EventName>(), "EventName(name): EventName"),
    (TypeId::of::<RawArgs>(), "args: RawArgs"),
];

/// What there is for a handler to take.
#[derive(Debug)]
pub(crate) struct Provided<'a> {
    /// What its context gives it without a state.
    pub(crate) given: &'a Given,
    pub(crate) states: &'a [TypeId],
    pub(crate) data: Option<(TypeId, &'static str)>,
    pub(crate) place: Place,
}

impl Provided<'_> {
    /// The first need that is not met, as the end of a sentence that begins with the handler's name.
    pub(crate) fn missing(&self, needs: &Needs) -> Option<String> {
        needs.needs.iter().find_map(|need| match need {
            Need::State { id, .. } if self.states.contains(id) => None,
            Need::State { id, name } => Some(match self.instead_of(*id) {
                Some(instead) => format!(
                    "takes State<{name}>, which is no state; take the parameter `{instead}` instead"
                ),
                None => format!(
                    "takes State<{name}>, which nobody provides; give one to `builder.state(…)`"
                ),
            }),
            // While the socket connects, its data does not exist yet.
            Need::Data { name, .. } if self.place == Place::Connect => {
                Some(format!("takes Data<{name}>, but a connect handler is what creates it"))
            }
            Need::Data { id, name } => match self.data {
                Some((provided, _)) if provided == *id => None,
                Some((_, provided)) => {
                    Some(format!("takes Data<{name}>, but the connect handler returns {provided}"))
                }
                None => Some(format!(
                    "takes Data<{name}>, but no connect handler returns `Result<{name}, Refusal>`"
                )),
            },
            Need::Place { parameter, allowed, instead } => {
                (!allowed.contains(&self.place)).then(|| {
                    let place = self.place.describe();
                    format!("takes {parameter}, which does not exist for {place}; {instead}")
                })
            }
        })
    }

    fn instead_of(&self, state: TypeId) -> Option<&'static str> {
        let mut given = self.given.iter().chain(GIVEN);
        given.find(|(id, _)| *id == state).map(|(_, instead)| *instead)
    }
}

impl Place {
    const fn describe(self) -> &'static str {
        match self {
            Self::Connect => "a connect handler",
            Self::Event => "an event handler",
            Self::Disconnect => "a disconnect handler",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: Place, fill: impl FnOnce(&mut Needs), expect: Option<&str>) {
        let states = [TypeId::of::<u8>()];
        let provided = Provided {
            given: &[(TypeId::of::<i8>(), "own: Own")],
            states: &states,
            data: Some((TypeId::of::<String>(), "String")),
            place,
        };
        let mut needs = Needs::default();
        fill(&mut needs);
        let missing = provided.missing(&needs);
        match expect {
            None => assert_eq!(missing, None),
            Some(part) => assert!(missing.as_deref().unwrap_or("").contains(part), "{missing:?}"),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        check(Place::Event, Needs::state::<u8>, None);
        check(Place::Event, Needs::state::<u16>, Some("State<u16>"));
        check(Place::Event, Needs::state::<i8>, Some("the parameter `own: Own`"));
        check(Place::Event, Needs::state::<RawArgs>, Some("the parameter `args: RawArgs`"));
        check(Place::Event, Needs::data::<String>, None);
        check(Place::Event, Needs::data::<u8>, Some("returns String"));
        check(Place::Connect, Needs::data::<String>, Some("what creates it"));
        let auth = |needs: &mut Needs| needs.place("Auth", &[Place::Connect], "take Data");
        check(Place::Event, auth, Some("an event handler; take Data"));
        check(Place::Connect, auth, None);
    }
}
