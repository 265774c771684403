//! Questions that are refused before anything is read, and what is said when the read models are away.
use super::support::House;

#[tokio::test]
async fn wrong_parameters_are_named() {
    let house = House::new();
    for (path, field) in [
        ("/deployments?limit=0", "limit"),
        ("/deployments?limit=1001", "limit"),
        ("/deployments?limit=9223372036854775808", "limit"),
        ("/deployments?status=done", "status"),
        ("/deployments?sort=password", "sort"),
        ("/deployments?cursor=forged", "cursor"),
        ("/deployments?service=a&service=b", "service"),
        ("/deployments?service=%00", "service"),
        ("/deployments/dora?from=2026-13-01", "from"),
        ("/deployments/dora?limit=-1", "limit"),
        ("/leads?stage=lukewarm", "stage"),
        ("/leads?cursor=W10", "cursor"),
        ("/leads/funnel?stage=won", "stage"),
        ("/projections?x=1", "x"),
        ("/agents?status=running", "status"),
        ("/sagas/waits?kind=nothing", "kind"),
        ("/sagas/waits?overdue=yes", "overdue"),
        ("/sagas/waits?cursor=W10", "cursor"),
        ("/events", "source"),
        ("/events?source=a", "id"),
        ("/events?source=a%20b&id=c", "source"),
        ("/events?source=a&id=b%0A", "id"),
    ] {
        house.get(path).await.wrong_field(400, field);
    }
}

#[tokio::test]
async fn absent_read_models_are_a_matter_of_trying_again() {
    let house = House::new();
    for path in [
        "/deployments",
        "/deployments/dora",
        "/leads",
        "/leads/funnel",
        "/agents",
        "/sagas/waits",
        "/projections",
        "/events?source=a&id=b",
    ] {
        let answer = house.get(path).await;
        answer.problem(503);
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    }
}
