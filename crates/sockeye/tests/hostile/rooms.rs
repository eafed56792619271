//! Attacks by rooms, where an application lets clients choose them: nothing bounds how many, so no cost may multiply.

use crate::{
    packets::{attacker, survives},
    scene::{A_LITTLE, Scene},
};

#[tokio::test]
async fn twenty_thousand_rooms_of_one_socket() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    for event in ["join", "leave", "join"] {
        for room in 0..20_000 {
            hostile.emit(event, &format!("room {room} {}", "x".repeat(100))).await.unwrap();
        }
        survives(&mut hostile, event).await;
    }
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}
