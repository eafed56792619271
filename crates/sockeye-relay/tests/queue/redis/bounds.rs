//! However much is asked at once, it happens as a whole and is answered; and what is kept keeps its bound.

use std::sync::Arc;

use sockeye_relay::queue::{Options, Queue, Reason, Settled, Verdict, Which, open};

use super::server;
use crate::conformance::steps::*;

/// More than a script can answer one by one (8,000), and than one step of ours takes.
const MANY: usize = 9_000;

#[tokio::test]
async fn a_batch_of_thousands_is_put_claimed_and_settled_once() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
        let accepted = queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        assert_eq!(accepted.len(), MANY, "{fields}");
        let claimed = claim(&queue, MANY + 1).await;
        assert_eq!(bodies(&claimed), ids, "{fields}: each of them once, in order");
        let all = claimed.iter().map(|one| settlement(one, done())).collect();
        let settled = queue.settle(all).await.unwrap();
        assert!(settled.iter().all(|one| *one == Settled::Stored), "{fields}");
        assert_eq!(settled.len(), MANY, "{fields}");
        assert!(claim(&queue, 1).await.is_empty(), "{fields}");
    }
}

/// An entry may have more fields than a script can add: it comes back as the object that it is read as.
#[tokio::test]
async fn an_entry_of_thousands_of_fields_comes_back_from_the_dead() {
    let Some(redis) = server(&[]) else { return };
    let queue = open(&redis.url("stream=tasks"), Options::default()).await.unwrap();
    let names: Vec<String> = (0..4_500).map(|number| format!("f{number}")).collect();
    let words = names.iter().flat_map(|name| [name.as_str(), "x\"y"]);
    redis.call(&["XADD", "tasks", "*"].into_iter().chain(words).collect::<Vec<_>>()).unwrap();
    let claimed = claim(&queue, 1).await;
    let read = |body| serde_json::from_slice::<serde_json::Value>(body).unwrap();
    assert_eq!(read(&claimed[0].body).as_object().unwrap().len(), names.len());
    let mut dead = settlement(&claimed[0], Verdict::Dead(epitaph(Reason::Invalid)));
    dead.id = Some("large".into());
    assert_eq!(queue.settle(vec![dead]).await.unwrap(), [Settled::Stored]);
    assert_eq!(queue.revive(Which::All).await.unwrap(), 1);
    let again = claim(&queue, 1).await;
    assert_eq!(read(&again[0].body), read(&claimed[0].body));
}

/// Who brings all back means those that are there, not the same ones again once the relay has laid them back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_the_dead_are_those_that_there_were() {
    for fields in ["list=tasks", "stream=tasks"] {
        let Some(redis) = server(&[]) else { return };
        let queue = open(&redis.url(fields), Options::default()).await.unwrap();
        let ids: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
        queue.put(ids.iter().map(|id| task(id)).collect()).await.unwrap();
        let lay = async |queue: &Arc<dyn Queue>| {
            let claimed = claim(queue, 2_000).await;
            let dead = || Verdict::Dead(epitaph(Reason::Refused));
            let all = claimed.iter().map(|one| settlement(one, dead())).collect();
            queue.settle(all).await.unwrap();
        };
        lay(&queue).await;
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        let works = tokio::spawn({
            let queue = queue.clone();
            async move {
                while stopping.is_empty() {
                    lay(&queue).await;
                }
            }
        });
        let looks = open(&redis.url(fields), Options::default()).await.unwrap();
        let revived = tokio::time::timeout(LONG, looks.revive(Which::All)).await;
        assert_eq!(revived.expect("it ends").unwrap(), 1_200, "{fields}");
        drop(stop);
        works.abort();
    }
}
