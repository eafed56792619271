//! Presence in virtual time: what is told leads everybody to the truth, at a price that has a bound.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn person(name: impl ToString) -> Arc<Person> {
    Arc::new(Person { name: name.to_string(), id: String::new() })
}

fn room(name: &str) -> Room {
    Room::parse(name).unwrap()
}

fn names(people: &[Arc<Person>]) -> Vec<&str> {
    people.iter().map(|person| &*person.name).collect()
}

#[test]
fn a_person_is_there_as_long_as_one_of_their_tabs() {
    let (mut presence, lobby, now) = (Presence::default(), room("lobby"), Instant::now());
    let ada = person("Ada");
    presence.enter(&lobby, &ada, now).unwrap();
    presence.enter(&lobby, &person("Bo"), now).unwrap();
    presence.news(&lobby, now).unwrap();
    presence.enter(&lobby, &ada, now).unwrap();
    presence.leave(&lobby, &ada);
    assert_eq!(presence.news(&lobby, now), None);
    presence.leave(&lobby, &ada);
    let news = presence.news(&lobby, now).unwrap();
    assert_eq!((names(&news.left), news.count), (vec!["Ada"], 1));
}

#[test]
fn a_lost_socket_has_a_moment_to_come_back() {
    let (mut presence, lobby, start) = (Presence::default(), room("lobby"), Instant::now());
    let ada = person("Ada");
    presence.enter(&lobby, &ada, start).unwrap();
    presence.enter(&lobby, &person("Bo"), start).unwrap();
    presence.news(&lobby, start).unwrap();

    presence.lose(&lobby, &ada, start);
    assert!(presence.due(start + GRACE - MS(1)).is_empty());
    presence.enter(&lobby, &ada, start + GRACE - MS(1)).unwrap();
    assert!(presence.due(start + GRACE).is_empty(), "it came back in time");
    assert!(presence.is_settled());

    let lost_again = start + GRACE;
    presence.lose(&lobby, &ada, lost_again);
    assert!(presence.due(lost_again + GRACE - MS(1)).is_empty());
    assert_eq!(names(&presence.due(lost_again + GRACE)[0].1.left), ["Ada"]);
    assert!(presence.is_settled());
}

#[test]
fn a_crowd_that_comes_and_goes_is_told_in_parts() {
    let (mut presence, lobby, start) = (Presence::default(), room("lobby"), Instant::now());
    let witness = person("witness");
    presence.enter(&lobby, &witness, start).unwrap();
    let mut told = 0;
    // A thousand a second for ten seconds, and all of them gone at once.
    for n in 0..10_000 {
        let now = start + MS(n);
        let visitor = person(n);
        presence.enter(&lobby, &visitor, now).unwrap();
        told += usize::from(presence.news(&lobby, now).is_some());
        presence.leave(&lobby, &visitor);
        told += usize::from(presence.news(&lobby, now).is_some());
    }
    assert!(told <= 41, "{told} tellings in ten seconds");
    for second in 10..1_000 {
        presence.due(start + MS(1_000 * second));
    }
    assert!(presence.is_settled());
    assert_eq!(names(&presence.people(&lobby, None, &witness)), ["witness"]);
}

#[test]
fn people_are_listed_by_pages() {
    let (mut presence, lobby, start) = (Presence::default(), room("lobby"), Instant::now());
    for n in 0..250 {
        presence.enter(&lobby, &person(format!("{n:03}")), start).unwrap();
    }
    let reader = person("zoe");
    presence.enter(&lobby, &reader, start).unwrap();
    assert_eq!(names(&presence.people(&lobby, None, &reader)), ["zoe"], "nobody is told yet");
    for second in 1..100 {
        presence.due(start + MS(1_000 * second));
    }
    let (mut all, mut last) = (Vec::new(), None);
    loop {
        let page = presence.people(&lobby, last.as_deref(), &reader);
        assert!(page.len() <= PAGE);
        let Some(end) = page.last() else { break };
        last = Some(Arc::clone(end));
        all.extend(page);
    }
    assert_eq!(all.len(), 251);
    assert!(all.is_sorted());
}

#[test]
fn nobody_can_make_all_rooms() {
    let (mut presence, now) = (Presence::default(), Instant::now());
    let mut made = 0;
    for n in 0..50 {
        let visitor = person(n);
        let mut mine = 0;
        while presence.enter(&room(&format!("{n}.{mine}")), &visitor, now).is_ok() {
            mine += 1;
        }
        assert!(mine <= MAX_ROOMS / SHARE);
        made += mine;
    }
    assert!(made < MAX_ROOMS * 2 / 3, "fifty people have made {made}");
    assert_eq!(presence.enter(&room("mine"), &person("late"), now), Ok(()));

    for n in 0.. {
        if presence.enter(&room(&format!("late {n}")), &person(format!("late {n}")), now).is_err() {
            break;
        }
    }
    assert_eq!(presence.rooms().count(), MAX_ROOMS);
    let late = person("too late");
    assert_eq!(presence.enter(&room("one more"), &late, now), Err(Violation::RoomsFull));
    assert_eq!(presence.enter(&room("lobby"), &late, now), Ok(()), "it is always there");
    presence.leave(&room("mine"), &person("late"));
    assert_eq!(presence.enter(&room("one more"), &late, now), Ok(()), "one was free again");
}

/// Somebody who keeps a list by what is told.
struct Witness {
    person: Arc<Person>,
    believes: BTreeSet<Arc<Person>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u8),
    Leave(u8),
    Lose(u8),
    Watch,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Enter),
        2 => (0..12_u8).prop_map(Step::Leave),
        2 => (0..12_u8).prop_map(Step::Lose),
        1 => Just(Step::Watch),
        1 => (0..3_000_u16).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whoever_keeps_the_list_ends_with_the_truth(steps in prop::collection::vec(step(), 0..400)) {
        let (mut presence, lobby) = (Presence::default(), room("lobby"));
        let mut now = Instant::now();
        let mut sockets = [0_usize; 12];
        let mut witnesses: Vec<Witness> = Vec::new();
        let hear = |witnesses: &mut Vec<Witness>, news: Option<News>| {
            let Some(news) = news else { return };
            for witness in witnesses {
                witness.believes.extend(news.joined.iter().cloned());
                witness.believes.retain(|person| !news.left.contains(person));
            }
        };
        for step in steps {
            match step {
                Step::Enter(n) => {
                    presence.enter(&lobby, &person(n), now).unwrap();
                    sockets[usize::from(n)] += 1;
                }
                Step::Leave(n) | Step::Lose(n) if sockets[usize::from(n)] > 0 => {
                    sockets[usize::from(n)] -= 1;
                    match step {
                        Step::Leave(_) => presence.leave(&lobby, &person(n)),
                        _ => presence.lose(&lobby, &person(n), now),
                    }
                }
                Step::Leave(_) | Step::Lose(_) => {}
                Step::Watch => {
                    let witness = person(format!("witness {}", witnesses.len()));
                    presence.enter(&lobby, &witness, now).unwrap();
                    hear(&mut witnesses, presence.news(&lobby, now));
                    let believes = presence.people(&lobby, None, &witness).into_iter().collect();
                    witnesses.push(Witness { person: witness, believes });
                }
                Step::Wait(ms) => {
                    now += MS(ms.into());
                    let due = presence.due(now);
                    due.into_iter().for_each(|(_, news)| hear(&mut witnesses, Some(news)));
                }
            }
            hear(&mut witnesses, presence.news(&lobby, now));
        }
        while !presence.is_settled() {
            now += MS(1_000);
            presence.due(now).into_iter().for_each(|(_, news)| hear(&mut witnesses, Some(news)));
        }
        let there = (0_u8..12).filter(|n| sockets[usize::from(*n)] > 0).map(person);
        let there: BTreeSet<_> =
            there.chain(witnesses.iter().map(|witness| Arc::clone(&witness.person))).collect();
        for witness in &witnesses {
            prop_assert_eq!(&witness.believes, &there);
        }
        prop_assert_eq!(presence.count(&lobby), there.len());
    }
}
