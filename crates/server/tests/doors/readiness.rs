//! Whether the house says of itself what is true.
use std::time::Duration;

use brainops_projection::install;
use brainops_projector_leads::Leads;
use brainops_testkit::eventually;
use serde_json::json;

use crate::support::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_that_stands_makes_the_house_not_ready_and_says_why() {
    let house = House::still("server-readiness").await;
    let (status, report) = house.readiness().await;
    assert_eq!((status, &report["parts"][1]["reason"]), (503, &json!("none is installed")));
    assert_eq!(house.get("/projections").await["rows"], json!([]));

    install(house.namespace.pool(), &Leads).await.unwrap();
    let ready = eventually(Duration::from_secs(10), || async { house.readiness().await.0 == 200 }).await;
    ready.unwrap();
    let unheard = house.get("/leads").await;
    assert_eq!((&unheard["rows"], &unheard["lag_seconds"]), (&json!([]), &json!(null)));
    assert!(unheard["lag_unknown"].is_string());

    stop_a_partition(&house).await;
    let stands = eventually(Duration::from_secs(10), || async { house.readiness().await.0 == 503 }).await;
    stands.unwrap();
    let (_, report) = house.readiness().await;
    let leads = json!({"name": "read model leads", "ready": false, "reason": "partitions stopped: 1"});
    assert_eq!(report["parts"][1], leads);
    let leads = &house.get("/projections").await["rows"][0];
    assert_eq!(
        (&leads["state"], &leads["stopped"][0]["reason"]),
        (&json!("stopped"), &json!("it cannot be folded"))
    );
    assert_eq!(leads["stopped"][0]["at_position"], "topic/0@7");
    house.close().await;
}

/// As its follower would write it, had it come to an event that it cannot fold.
async fn stop_a_partition(house: &House) {
    let topic = house.namespace.topic("lead").to_string();
    let statements = [
        "INSERT INTO brainops.progress (read_model, generation, topic, partition, instance, epoch, state, reason_class, \
         reason, at_position, next_offset, heartbeat_at) \
         VALUES ('leads', 1, $1, 0, 'test', 1, 'stopped', 'ApplyEvent', 'it cannot be folded', 'topic/0@7', 7, now())",
        "INSERT INTO leads_g1.checkpoint (topic, topic_id, partition, next_offset, epoch) VALUES ($1, 'x', 0, 7, 1)",
    ];
    for statement in statements {
        sqlx::query(statement).bind(&topic).execute(house.namespace.pool()).await.unwrap();
    }
}
