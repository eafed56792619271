//! What goes wrong with Redis: killed, slow, out of memory, out of reach, replaced by its replica.

use std::{thread, time::Duration};

use sockeye_testkit::RedisServer;

use crate::{
    chaos::{DOUBLED, NOTHING, Scene, late},
    judge::Allowed,
    sources::Source,
    world::World,
};

const SOURCES: [Source; 2] = [Source::List, Source::Stream];

/// While it is away the lease runs out, so what was in flight may be sent once more.
#[test]
fn a_redis_that_is_killed_and_starts_again() {
    let Some(mut world) = World::launch("redis-killed") else { return };
    for source in SOURCES {
        let scene = Scene::new(&world, source, "lease=500ms", 600);
        scene.behave(late(5));
        let relay = scene.configured.start(None);
        for n in 1..=3 {
            scene.place.room.until("acked", n * 120);
            world.redis.kill();
            world.redis.restart().unwrap();
        }
        scene.finish(relay, DOUBLED);
    }
}

/// A settlement whose answer is lost is told again, and counts once.
#[test]
fn connections_to_redis_that_are_cut() {
    let Some(world) = World::launch("redis-cut") else { return };
    for source in SOURCES {
        let scene = Scene::new(&world, source, "lease=10s", 600);
        scene.behave(late(5));
        let relay = scene.configured.start(None);
        for n in 1..=20 {
            scene.place.room.until("acked", n * 20);
            world.redis.call(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        }
        scene.finish(relay, NOTHING);
    }
}

#[test]
fn a_redis_that_is_slow() {
    let Some(world) = World::launch("redis-slow") else { return };
    for source in SOURCES {
        let scene = Scene::new(&world, source, "lease=10s", 600);
        scene.behave(late(5));
        let relay = scene.configured.start(None);
        for n in 1..=2 {
            scene.place.room.until("acked", n * 100);
            world.redis.call(&["DEBUG", "SLEEP", "1"]).unwrap();
        }
        scene.finish(relay, NOTHING);
    }
}

/// What frees memory goes on meanwhile, and what needs some waits.
#[test]
fn a_redis_that_has_no_memory_left() {
    let Some(world) = World::launch("redis-memory") else { return };
    for source in SOURCES {
        let scene = Scene::new(&world, source, "lease=10s", 600);
        scene.behave(late(5));
        let mut relay = scene.configured.start(None);
        scene.place.room.until("acked", 100);
        world.redis.call(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
        let before = scene.place.room.book().acked;
        // It may go on or not: that it goes on as if nothing had been, once there is memory, is what counts.
        let went_on = scene.place.room.reaches("acked", before + 200, Duration::from_secs(1));
        assert!(!relay.has_ended(), "{went_on:?}\n{}", relay.log_end());
        world.redis.call(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
        scene.finish(relay, NOTHING);
    }
}

/// The replica may not have had the last settlements: those tasks come again, and after later ones.
#[test]
fn a_redis_that_its_replica_replaces() {
    let Some(world) = World::launch("redis-failover") else { return };
    thread::scope(|scope| {
        for source in SOURCES {
            let world = &world;
            scope.spawn(move || fail_over(world, source));
        }
    });
}

fn fail_over(world: &World, source: Source) {
    let mut first = RedisServer::start_on_port(&[]).unwrap().unwrap();
    let port = first.port().unwrap().to_string();
    let replica = RedisServer::start_on_port(&["--replicaof", &format!("127.0.0.1 {port}")]);
    let replica = replica.unwrap().unwrap();
    replica.wait_for(&["INFO", "replication"], |info| info.contains("link_status:up")).unwrap();
    let sentinel = RedisServer::start_sentinel(&format!(
        "sentinel monitor it 127.0.0.1 {port} 1\n\
         sentinel down-after-milliseconds it 300\n\
         sentinel failover-timeout it 2000\n",
    ));
    let sentinel = sentinel.unwrap().unwrap();
    sentinel
        .wait_for(&["SENTINEL", "replicas", "it"], |replicas| replicas.contains("127.0.0.1"))
        .unwrap();
    let place = world.place();
    let url = format!(
        "redis+sentinel://127.0.0.1:{}/0?master=it&{}={}&lease=1s",
        sentinel.port().unwrap(),
        source.as_str(),
        place.name
    );
    let name = place.name.clone();
    let scene = Scene::at(place, source, &url, 600);
    // A replica that has just connected is sent nothing until it has said so.
    let count = if source == Source::List { "LLEN" } else { "XLEN" };
    replica.wait_for(&[count, &name], |length| length == "600").unwrap();
    scene.behave(late(5));
    let relay = scene.configured.start(None);
    scene.place.room.until("acked", 200);
    first.kill();
    replica.wait_for(&["ROLE"], |role| role.starts_with("master")).unwrap();
    scene.finish(relay, Allowed { disorder: true, ..DOUBLED });
}
